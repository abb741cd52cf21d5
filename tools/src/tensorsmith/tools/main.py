"""Entry point of the command line: runs a subcommand and reports expected errors on one line."""

import argparse
import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Protocol

from tensorsmith.core import ArgumentError, ExpectedError, __version__, print_text
from tensorsmith.recipes import find_recipe
from tensorsmith.tools.commands import (
    bench,
    cluster_spec,
    compare,
    copy,
    data,
    doctor,
    evaluate,
    export,
    generate,
    launch,
    migrate,
    new,
    predict,
    recipes,
    reproduce,
    run,
    show,
    tfrecord,
    tune,
    validate,
)
from tensorsmith.tools.console import StderrHandler
from tensorsmith.tools.parsing import Parser
from tensorsmith.tools.recipe_errors import location, short_traceback


class Command(Protocol):
    """Interface of subcommand modules. The first line of the module docstring is displayed by `--help`."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command-line arguments to the parser."""

    def execute(self, arguments: argparse.Namespace) -> int:
        """Runs the command and returns the exit code."""


COMMANDS: dict[str, Command] = {
    "recipes": recipes,
    "show": show,
    "run": run,
    "compare": compare,
    "reproduce": reproduce,
    "evaluate": evaluate,
    "predict": predict,
    "generate": generate,
    "export": export,
    "tune": tune,
    "launch": launch,
    "cluster-spec": cluster_spec,
    "copy": copy,
    "new": new,
    "validate": validate,
    "bench": bench,
    "doctor": doctor,
    "migrate": migrate,
    "data": data,
    "tfrecord": tfrecord,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the `tensorsmith` command and returns the exit code.

    Args:
        argv: Command-line arguments. Defaults to the arguments of the current process.

    Returns:
        0: success. 1: failure (no network, full disk, invalid training data). 2: usage error. 130: interrupted by
            Ctrl-C. 143: terminated by SIGTERM.
    """
    parser = Parser(prog="tensorsmith", description="Recipes, data sets and tools for TensorFlow and Keras 3.")
    parser.add_argument("--version", action="version", version=f"tensorsmith {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").strip().splitlines()[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=summary, add_help=name != "run"))
    arguments, rest = parser.parse_known_args(argv)
    takes_fields = arguments.command in ("run", "compare", "tune")
    if not (takes_fields or arguments.command == "launch" or getattr(arguments, "runner", None)):
        arguments.parser.reject(rest)
    arguments.fields = rest
    logging.basicConfig(format="%(message)s", handlers=[StderrHandler()])
    logging.getLogger("tensorsmith").setLevel(logging.INFO)
    try:
        if takes_fields and arguments.name is not None:
            arguments.parser.reject_misspelled(rest, find_recipe(arguments.name).comments)
        return COMMANDS[arguments.command].execute(arguments)
    except KeyboardInterrupt:
        print_text("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe has exited; prevents a second error on interpreter shutdown
        return 1
    except Exception as error:
        code, where = _exit_code(error), location(error)
        if code is None and not where:
            raise
        if code is None:
            print_text(short_traceback(error), end="", file=sys.stderr)
            summary = traceback.format_exception_only(type(error), error)[-1].strip()
            print_text(f"tensorsmith: {where}: {summary}", file=sys.stderr)
            return 1
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, OSError) and error.strerror:
            said = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
        print_text(f"tensorsmith: {where}: {said}" if where else f"tensorsmith: {said}", file=sys.stderr)
        return code


def _exit_code(error: Exception) -> int | None:
    """Returns the exit code of an error caused by the user or the environment, or `None` for internal errors."""
    of_environment = OSError | ArithmeticError | ImportError | SyntaxError | ExpectedError
    if isinstance(error, (of_environment, _tensorflow_errors())):
        return 1
    return 2 if isinstance(error, ArgumentError) else None


def _tensorflow_errors() -> tuple[type[Exception], ...]:
    """Returns the errors of TensorFlow for files that cannot be written and for full memory, if it is imported."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return ()
    errors = tensorflow.errors
    files = errors.PermissionDeniedError, errors.FailedPreconditionError, errors.UnknownError
    return *files, errors.ResourceExhaustedError
