"""The process of one provider: answers questions on its standard input. Run as a script; see turns.py."""

import importlib
import sys

from tensorsmith.benchmarks.benchmark import load_benchmark


def serve(name: str, case: str, provider: str) -> None:
    """Answer `first` and `turn`, a line each, until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # output of libraries must not pass for an answer
    if provider == "torch":
        importlib.import_module("torch").compiler.reset()  # loads Triton, which crashes when it comes after TensorFlow
    contender = load_benchmark(name).prepare(case, provider)
    for line in sys.stdin:
        print(getattr(contender, line.strip())(), file=answers, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
