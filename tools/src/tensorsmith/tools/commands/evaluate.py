"""Evaluate the trained model of a run."""

import argparse
from pathlib import Path

from tensorsmith.recipes import TrainedRun
from tensorsmith.tools.console import make_console
from tensorsmith.tools.score_table import score_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder")
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        type=Path,
        help="arrays x, y and, optionally, sample_weight; by default the validation and test data of the recipe",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the scores of the model."""
    run = TrainedRun(arguments.run)
    make_console().print(score_table(run.file.name, run.evaluate(arguments.data)))
    return 0
