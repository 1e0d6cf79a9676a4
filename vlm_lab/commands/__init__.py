"""One module a command: its docstring is the help, `add_arguments(parser)` its options, `main(args)` its exit code."""
