"""Subcommands. Each module provides a docstring, `add_arguments(parser)` and `execute(arguments)`."""
