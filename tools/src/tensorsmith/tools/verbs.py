"""Commands with nested subcommands, each with its own arguments and function."""

import argparse
from collections.abc import Callable

Verb = Callable[[argparse.Namespace], int]


def verb_adder(parser: argparse.ArgumentParser) -> Callable[[str, Verb, str], argparse.ArgumentParser]:
    """Returns a function that adds a subcommand, given its name, function and summary, and returns its parser."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="SUBCOMMAND")

    def add(name: str, execute: Verb, says: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        verb.set_defaults(execute=execute)
        return verb

    return add


def execute_verb(arguments: argparse.Namespace) -> int:
    """Runs the selected subcommand and returns the exit code."""
    return int(arguments.execute(arguments))
