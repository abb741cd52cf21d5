"""Script that measures one implementation, as requested on standard input by turns.py."""

import importlib
import sys

from tensorsmith.benchmarks.benchmark import load_benchmark


def serve(name: str, case: str, provider: str) -> None:
    """Answer the requests `first` and `turn`, one per line, until the end of standard input."""
    answers, sys.stdout = sys.stdout, sys.stderr  # keeps the output of libraries apart from the answers
    if provider == "torch":
        importlib.import_module("torch").compiler.reset()  # loads Triton, which crashes if loaded after TensorFlow
    contender = load_benchmark(name).prepare(case, provider)
    for line in sys.stdin:
        print(getattr(contender, line.strip())(), file=answers, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
