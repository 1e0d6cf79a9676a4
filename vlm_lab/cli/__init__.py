"""What somebody types -> one command's exit code; `main` finds the command's module.

One module a command: its docstring is the help, `add_arguments(parser)` its options, `main(args)`
its exit code.
"""
