"""Commands with nested subcommands, each with its own arguments and function."""

import argparse
from collections.abc import Callable

Subcommand = Callable[[argparse.Namespace], int]


def subcommand_adder(parser: argparse.ArgumentParser) -> Callable[[str, Subcommand, str], argparse.ArgumentParser]:
    """Returns a function that adds a subcommand to a parser and returns the parser of the subcommand."""
    subcommands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")

    def add(name: str, execute: Subcommand, says: str) -> argparse.ArgumentParser:
        subcommand = subcommands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        subcommand.set_defaults(execute=execute)
        return subcommand

    return add


def execute_subcommand(arguments: argparse.Namespace) -> int:
    """Runs the selected subcommand and returns the exit code."""
    return int(arguments.execute(arguments))
