"""Write the predictions of the trained model of a run."""

import argparse
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.recipes import TrainedRun
from tensorsmith.recipes.prediction_files import check_target, to_csv, write_predictions
from tensorsmith.tools.parsing import add_model_argument, add_trust_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder")
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "--input",
        metavar="PATH",
        type=Path,
        required=True,
        help="inputs of the model: an image, a folder of images, a .npy or .npz file, a table such as a CSV file, or "
        "TFRecord files",
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help=".npy, .npz or .csv file; by default CSV is printed")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the predictions, or writes them to a file."""
    if arguments.out is not None:
        check_target(arguments.out)
    predictions = TrainedRun(arguments.run, arguments.model, arguments.trust).predict_in_detail(arguments.input)
    if arguments.out is None:
        print_text(to_csv(predictions), end="")
    else:
        write_predictions(predictions, arguments.out)
        print_text(f"Wrote {arguments.out}.")
    return 0
