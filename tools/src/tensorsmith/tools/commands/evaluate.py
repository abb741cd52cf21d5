"""Evaluate the trained model of a run."""

import argparse
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.recipes import TrainedRun
from tensorsmith.tools.console import make_console
from tensorsmith.tools.parsing import add_model_argument, add_trust_argument
from tensorsmith.tools.report_table import print_report
from tensorsmith.tools.score_table import score_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder")
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        type=Path,
        help="arrays x, y and, optionally, sample_weight; by default the validation and test data of the recipe",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prints the scores of the model, a report by class or on the residuals, and the path of its figure."""
    run = TrainedRun(arguments.run, arguments.model, arguments.trust)
    evaluation = run.evaluate_in_detail(arguments.data)
    console = make_console()
    console.print(score_table(run.file.name, evaluation.scores))
    if evaluation.report is not None:
        print_report(evaluation.report, evaluation.split, console)
    if (figure := run.plot_report(evaluation)) is not None:
        print_text(figure)
    return 0
