"""Write the predictions of the trained model of a run."""

import argparse
from pathlib import Path

from tensorsmith.recipes import TrainedRun
from tensorsmith.recipes.prediction_files import check_target, to_csv, write_predictions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder")
    parser.add_argument(
        "--input",
        metavar="FILE",
        type=Path,
        required=True,
        help="inputs of the model: a .npy or .npz file, or a table such as a CSV file",
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help=".npy, .npz or .csv file; by default CSV is printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the predictions, or writes them to a file."""
    if arguments.out is not None:
        check_target(arguments.out)
    predictions = TrainedRun(arguments.run).predict(arguments.input)
    if arguments.out is None:
        print(to_csv(predictions), end="")
    else:
        write_predictions(predictions, arguments.out)
        print(f"Wrote {arguments.out}.")
    return 0
