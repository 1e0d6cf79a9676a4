"""Files -> pixels and words of their pages, in a process of its own with limits.

`process` is the parent's end, `worker` the process; `pdf`, `pictures` and what they use run there
alone: what a stranger's file makes of PDFium or Pillow ends that process and no run.
"""
