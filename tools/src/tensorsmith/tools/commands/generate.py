"""Print text that the trained language model of a run generates."""

import argparse
from pathlib import Path

from tensorsmith.core import check, print_text
from tensorsmith.recipes import TrainedRun
from tensorsmith.tools.parsing import add_model_argument, add_trust_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run of a language model")
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument("--prompt", metavar="TEXT", required=True, help="start of the text")
    parser.add_argument("--length", metavar="N", type=int, default=300, help="maximum number of tokens (default: 300)")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=float,
        default=1.0,
        help="number by which logits are divided before sampling; 0 for the most probable tokens (default: 1)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (default: 0)")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the prompt, and the generated text as soon as it is generated."""
    check(arguments.length > 0, "--length", arguments.length, "a positive integer")
    check(0 <= arguments.temperature < float("inf"), "--temperature", arguments.temperature, "a number >= 0")
    check(-(2**31) <= arguments.seed < 2**31, "--seed", arguments.seed, "an integer of 32 bits")
    generator = TrainedRun(arguments.run, arguments.model, arguments.trust).text_generator()
    from tensorsmith.seq2seq import greedy, temperature_sampling

    choose = temperature_sampling(arguments.temperature, arguments.seed) if arguments.temperature else greedy
    parts = generator.generate(arguments.prompt, arguments.length, choose)
    print_text(arguments.prompt, end="", flush=True)
    for part in parts:
        print_text(part, end="", flush=True)
    print_text("")
    return 0
