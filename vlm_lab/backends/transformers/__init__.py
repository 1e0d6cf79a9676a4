"""A prompt -> a reply of a local checkpoint, in a process that dies with everything it held.

`backend` and `process` are the parent's side. The worker's side (`worker` and what it imports) is
sent as source to an interpreter that may have no VLM Lab, so it imports nothing else of ours.
"""
