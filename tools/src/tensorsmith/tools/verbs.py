"""Commands with several verbs, each with arguments and a function of its own."""

import argparse
from collections.abc import Callable

Verb = Callable[[argparse.Namespace], int]


def verb_adder(parser: argparse.ArgumentParser) -> Callable[[str, Verb, str], argparse.ArgumentParser]:
    """What declares a verb by its name, its function and what it does, and returns the parser of its arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(name: str, execute: Verb, says: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        verb.set_defaults(execute=execute)
        return verb

    return add


def execute_verb(arguments: argparse.Namespace) -> int:
    """Does what the verb says."""
    return int(arguments.execute(arguments))
