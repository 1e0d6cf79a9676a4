"""Processes of our own that do what may hang, crash or leave memory behind.

`process` is the parent's end of one, `supervisor` starts it again after a death, `child` is its own
end. Requests and answers are plain values and bytes; whoever uses a worker says which module
answers.
"""
