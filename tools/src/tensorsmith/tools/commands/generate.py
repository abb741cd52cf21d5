"""Print text that the trained language model or encoder-decoder of a run generates."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import Progress, Verbatim, argument_error, check, print_text, printable, read_text
from tensorsmith.recipes import TrainedRun
from tensorsmith.tools.parsing import add_model_argument, add_trust_argument

if TYPE_CHECKING:
    from tensorsmith.seq2seq import TextGenerator

SAMPLING = ("temperature", "top_k", "top_p", "seed")  # options that a beam search does not use


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="folder of a run of a language model or an encoder-decoder"
    )
    add_model_argument(parser)
    add_trust_argument(parser)
    prompts = parser.add_mutually_exclusive_group(required=True)
    prompts.add_argument("--prompt", metavar="TEXT", help="start of the text, or text to translate")
    prompts.add_argument(
        "--input",
        metavar="FILE",
        type=Path,
        help="file with one prompt per line; for each one, a line is printed, with line breaks as \\n",
    )
    parser.add_argument("--length", metavar="N", type=int, default=300, help="maximum number of tokens (default: 300)")
    parser.add_argument(
        "--beam",
        metavar="N",
        type=int,
        help="search for the N most probable texts, and print their scores and the texts, one per line; with --input, "
        "print the best text of each prompt only",
    )
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=float,
        help="number by which logits are divided before sampling; 0 for the most probable tokens (default: 1, and 0 "
        "for a translation)",
    )
    parser.add_argument("--top-k", metavar="K", type=int, help="sample from the K most probable tokens")
    parser.add_argument(
        "--top-p", metavar="P", type=float, help="sample from the fewest tokens with a probability of at least P"
    )
    parser.add_argument(
        "--repetition-penalty",
        metavar="R",
        type=float,
        help="make tokens of the prompt and of the text so far less probable; 1 has no effect, and 1.2 is usual",
    )
    parser.add_argument("--seed", metavar="N", type=int, help="random seed (default: 0)")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the prompt, and the generated text as soon as it is generated, or a line for each text."""
    _check(arguments)
    prompts = [arguments.prompt] if arguments.input is None else _prompts(arguments.input)
    generator = TrainedRun(arguments.run, arguments.model, arguments.trust).text_generator()
    if arguments.input is not None:
        _print_lines(arguments, generator, prompts)
    elif arguments.beam is not None:
        (texts,) = generator.search(prompts, arguments.length, arguments.beam, adjust=_adjust(arguments))
        for text, score in texts:
            print_text(f"{score:.3f}\t{printable(_before(generator, arguments.prompt) + text)}")
    else:
        choose = _choose(arguments, generator)
        parts = generator.generate(arguments.prompt, arguments.length, choose, _adjust(arguments))
        print_text(_before(generator, arguments.prompt), end="", flush=True)
        for part in parts:
            print_text(part, end="", flush=True)
        print_text("")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises a `ValueError` for values out of range, and for options that contradict each other."""
    given = {name: getattr(arguments, name) for name in ("beam", *SAMPLING) if getattr(arguments, name) is not None}
    check(arguments.length > 0, "--length", arguments.length, "a positive integer")
    for name in ("beam", "top_k"):
        check(given.get(name, 1) > 0, _flag(name), given.get(name), "a positive integer")
    temperature, top_p, penalty = given.get("temperature", 1.0), given.get("top_p", 1.0), arguments.repetition_penalty
    check(0 <= temperature < float("inf"), "--temperature", temperature, "a number >= 0")
    check(0 < top_p <= 1, "--top-p", top_p, "a number in (0, 1]")
    check(penalty is None or 0 < penalty < float("inf"), "--repetition-penalty", penalty, "a positive number")
    check(-(2**31) <= given.get("seed", 0) < 2**31, "--seed", given.get("seed"), "an integer of 32 bits")
    for name in SAMPLING if "beam" in given else ():
        check(
            name not in given, _flag(name), Verbatim("both options"), "not be used with --beam, which does not sample"
        )
    for name in ("top_k", "top_p") if temperature == 0 else ():
        check(name not in given, _flag(name), Verbatim("both options"), "not be used with --temperature 0")
    check(not {"top_k", "top_p"} <= given.keys(), "--top-p", Verbatim("both options"), "not be used with --top-k")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _prompts(path: Path) -> list[str]:
    """Returns the lines of a file.

    Raises:
        ValueError: If a line is empty, or the file is not encoded in UTF-8.
    """
    expected = "a UTF-8 file with one prompt per line"
    try:
        lines = read_text(path).removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise argument_error("--input", Verbatim(f"{path} with other bytes"), expected) from error
    empty = ", ".join(str(number) for number, line in enumerate(lines, 1) if not line)
    check(not empty, "--input", Verbatim(f"{path} with empty lines: {empty}"), expected)
    return lines


def _print_lines(arguments: argparse.Namespace, generator: "TextGenerator", prompts: list[str]) -> None:
    """Prints a line for each prompt."""
    texts: Iterator[str]
    if arguments.beam is None:
        texts = generator.complete(prompts, arguments.length, _choose(arguments, generator), _adjust(arguments))
    else:
        found = generator.search(prompts, arguments.length, arguments.beam, adjust=_adjust(arguments))
        texts = (best for (best, _), *_ in found)
    with Progress("tensorsmith.tools") as progress:
        generated = progress.track(texts, "generating", len(prompts), "texts")
        for prompt, text in zip(prompts, generated, strict=True):
            print_text(printable(_before(generator, prompt) + text), flush=True)


def _before(generator: "TextGenerator", prompt: str) -> str:
    """Returns the text in front of the generated one: the prompt, unless it is translated."""
    return prompt if generator.begin is None else ""


def _choose(arguments: argparse.Namespace, generator: "TextGenerator") -> Any:
    """Returns the function that chooses the next token."""
    from tensorsmith.seq2seq import greedy, temperature_sampling, top_k_sampling, top_p_sampling

    default = 1.0 if generator.begin is None or arguments.top_k or arguments.top_p else 0.0
    temperature = default if arguments.temperature is None else arguments.temperature
    seed = arguments.seed or 0
    if arguments.top_k is not None:
        return top_k_sampling(arguments.top_k, temperature, seed)
    if arguments.top_p is not None:
        return top_p_sampling(arguments.top_p, temperature, seed)
    return temperature_sampling(temperature, seed) if temperature else greedy


def _adjust(arguments: argparse.Namespace) -> tuple[Any, ...]:
    """Returns the functions that change the logits."""
    from tensorsmith.seq2seq import repetition_penalty

    return () if arguments.repetition_penalty is None else (repetition_penalty(arguments.repetition_penalty),)
