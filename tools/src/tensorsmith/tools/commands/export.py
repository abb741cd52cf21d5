"""Export the trained model of a run to a SavedModel, and to TFLite."""

import argparse
from pathlib import Path

from tensorsmith.core import print_text
from tensorsmith.recipes import TrainedRun
from tensorsmith.tools.parsing import add_model_argument, add_trust_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder")
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument("folder", metavar="DIR", type=Path, help="new folder of the SavedModel")
    parser.add_argument("--tflite", action="store_true", help="also write DIR/model.tflite")


def execute(arguments: argparse.Namespace) -> int:
    """Writes the exported model."""
    TrainedRun(arguments.run, arguments.model, arguments.trust).export(arguments.folder, arguments.tflite)
    print_text(f"Wrote {arguments.folder}, which TensorFlow loads without tensorsmith.")
    if arguments.tflite:
        print_text(f"Wrote {arguments.folder / 'model.tflite'}.")
    return 0
