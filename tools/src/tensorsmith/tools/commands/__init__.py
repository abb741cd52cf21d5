"""Subcommands, one module each, with a docstring, `add_arguments(parser)` and `execute(arguments)`."""
