"""Documents that outgrow one machine -> the same records and report as of a plain run, by Ray Data.

In: what was typed, a suite, candidates, and documents in a folder, a list or a store. Out: a run's
folder with its records in Parquet. Pages are rendered and replies scored by tasks, models are
asked by actors, on whatever machines the cluster has; one process plans, writes and reports, and
its memory does not grow with the documents that are asked. Ray is imported when a run starts, and
by nothing else.
"""
