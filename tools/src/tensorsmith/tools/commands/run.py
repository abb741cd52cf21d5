"""Train a recipe and write a run folder."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

from tensorsmith.core import parse_yaml, print_text
from tensorsmith.recipes import RunInterruptedError, RunRequest, RunSettings, find_recipe, launch
from tensorsmith.recipes.recipe_settings import field_comments
from tensorsmith.tools.console import make_console
from tensorsmith.tools.parsing import add_timeout_argument, add_trust_argument
from tensorsmith.tools.score_table import print_scores

# Settings of a run that can be flags, with their descriptions.
SETTINGS_OF_FLAGS = {name: comment for name, comment in field_comments(RunSettings).items() if name != "callbacks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser. Other flags set fields of the recipe's `Config`."""
    parser.usage = (
        "tensorsmith run NAME [--config FILE.yaml] [--smoke] [--out DIR] [--resume | --find-lr] [--profile] "
        "[--workers N [--parameter-servers N]] [--timeout SECONDS] [--SETTING VALUE] [--trust] [--FIELD VALUE ...]"
    )
    parser.allow_abbrev = False
    parser.add_argument("name", metavar="NAME", help="recipe listed by `tensorsmith recipes`, or a .py file", nargs="?")
    parser.add_argument(
        "--config", type=Path, metavar="FILE.yaml", help="read fields from a file, such as config.yaml of a run"
    )
    parser.add_argument("--smoke", action="store_true", help="use a tiny configuration that finishes in seconds")
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder (runs/<recipe>/<timestamp>)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the run in DIR, or the recipe's newest run; with --epochs N, extend a finished run",
    )
    parser.add_argument("--find-lr", action="store_true", help="run a learning-rate range test instead of training")
    parser.add_argument("--profile", action="store_true", help="profile some steps for TensorBoard")
    parser.add_argument("--workers", type=int, metavar="N", help="number of worker processes on this machine")
    parser.add_argument(
        "--parameter-servers",
        type=int,
        default=0,
        metavar="N",
        help="number of parameter-server processes",
    )
    add_timeout_argument(parser)
    for name, comment in SETTINGS_OF_FLAGS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar="VALUE", type=_parsed, help=comment.replace("%", "%%")
        )
    add_trust_argument(parser)
    parser.add_argument("-h", "--help", action="store_true", help="show this help and, with NAME, the recipe's fields")


def execute(arguments: argparse.Namespace) -> int:
    """Trains the recipe and prints its scores."""
    if arguments.help or arguments.name is None:
        return _help(arguments)
    request = RunRequest(
        arguments.name,
        arguments.fields,
        config=arguments.config,
        smoke=arguments.smoke,
        out=arguments.out,
        resume=arguments.resume,
        find_lr=arguments.find_lr,
        profile=arguments.profile,
        workers=arguments.workers,
        parameter_servers=arguments.parameter_servers,
        timeout=arguments.timeout,
        trust=arguments.trust,
        settings={name: value for name in SETTINGS_OF_FLAGS if (value := getattr(arguments, name, None)) is not None},
    )
    try:
        result = launch(request)
    except RunInterruptedError as error:
        print_text(f"The run was interrupted. To resume it: tensorsmith {shlex.join(error.command)}", file=sys.stderr)
        return error.exit_code
    console = make_console()
    if result.metrics is not None:
        print_scores(result.metrics, result.folder.path, console)
    elif result.sweep is not None:
        rate = result.sweep.suggestion
        console.print(f"Suggested learning rate: {rate:.2g}, a tenth of {10 * rate:.2g}, where the loss starts to rise")
        print_text(result.folder.path / "learning_rates.png")
    elif result.had_finished:
        print_text(f"The run in {result.folder.path} is already finished. To extend it, add --epochs N.")
    return result.exit_code


def _parsed(text: str) -> Any:
    """Returns the value of a setting, as in a configuration file."""
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a YAML value") from error


def _help(arguments: argparse.Namespace) -> int:
    arguments.parser.print_help()
    if arguments.name is None:
        return 0 if arguments.help else 2
    file = find_recipe(arguments.name)
    print_text(f"\nFields of {file.name}:")
    for name, comment in file.comments.items():
        print_text(f"  --{name:20} {comment} (default {getattr(file.declaration.config_class(), name)!r})")
    return 0
