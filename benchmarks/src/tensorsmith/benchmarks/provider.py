"""Script that measures one implementation, as requested on standard input by turns.py."""

import importlib
import math
import sys
from pathlib import Path

from tensorsmith.benchmarks.benchmark import load_benchmark


def serve(name: str, case: str, provider: str) -> None:
    """Answer the requests `first`, `turn` and `peak`, one per line, until the end of standard input."""
    answers, sys.stdout = sys.stdout, sys.stderr  # keeps the output of libraries apart from the answers
    if provider.startswith("torch"):
        importlib.import_module("torch").compiler.reset()  # loads Triton, which crashes if loaded after TensorFlow
    contender = load_benchmark(name).prepare(case, provider)
    for line in sys.stdin:
        request = line.strip()
        print(_peak_megabytes() if request == "peak" else getattr(contender, request)(), file=answers, flush=True)


def _peak_megabytes() -> float:
    """Return the peak memory of this process in megabytes, or NaN except on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:")), math.nan)


if __name__ == "__main__":
    serve(*sys.argv[1:])
