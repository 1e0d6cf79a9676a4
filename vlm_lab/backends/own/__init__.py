"""A backend of a user's own (`package.module:Class`), in a process of its own.

`process` is the parent's end, `worker` the process, `transfer` what crosses between them.
"""
