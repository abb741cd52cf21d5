"""Argument parser whose errors suggest the subcommand or option that was probably meant."""

import argparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from tensorsmith.core import did_you_mean


class Parser(argparse.ArgumentParser):
    """Argument parser that stores itself in the attribute `parser` of the arguments that it parses.

    If the value of an argument with choices is unknown, the error suggests the most similar choice.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_defaults(parser=self)

    @property
    def options(self) -> list[str]:
        """Names of all options, with their leading dashes."""
        return re.findall(r"^ +(?:-\w, )?(--[a-z][a-z0-9-]*)", self.format_help(), re.MULTILINE)

    def error(self, message: str) -> NoReturn:
        """Prints the message with a suggestion, and exits with code 2."""
        found = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        invalid = re.fullmatch(r"argument (--[\w-]+): invalid (int|float) value: (.*)", message)
        if invalid:
            kind = {"int": "an integer", "float": "a number"}[invalid[2]]
            message = f"{invalid[1]} must be {kind}, got {invalid[3]}."
        guess = did_you_mean(found[1], re.findall(r"[\w-]+", found[2])) if found else ""
        super().error(f"{message}. {guess}" if guess else message)

    def reject(self, words: Iterable[str]) -> None:
        """Exits with an error for words of the command line that the parser does not know, if there are any."""
        words = list(words)
        if words:
            guesses = (did_you_mean(_name(word), self.options) for word in words if word.startswith("--"))
            self.error(" ".join([f"unrecognized arguments: {' '.join(words)}.", *guesses]).rstrip(" ."))

    def reject_misspelled(self, words: Iterable[str], fields: Iterable[str]) -> None:
        """Exits with an error for flags that are not fields of a recipe, but similar to an option.

        Args:
            words: Words of the command line that the parser does not know.
            fields: Names of the fields of the recipe.
        """
        known = {f"--{name}" for name in fields}
        for name in map(_name, words):
            if name.startswith("--") and f"--{name[2:].replace('-', '_')}" not in known:
                guess = did_you_mean(name, [*self.options, *known])
                if any(guess == f"Did you mean {option}?" for option in self.options):
                    self.error(f"unrecognized argument: {name}. {guess}")


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the choice between the models in a run folder to the parser."""
    parser.add_argument(
        "--model",
        choices=("final", "best"),
        default="final",
        help="model.keras (final, the default), or best.keras of a run with --save-best",
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the option that allows code of a run folder or a configuration file to the parser."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="execute code that the run folder or the configuration file names, wherever it is stored",
    )


def add_timeout_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the time limit for processes that wait for each other to the parser."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="maximum time to wait for the other processes of a cluster or search (600)",
    )


def _name(word: str) -> str:
    return word.partition("=")[0]
