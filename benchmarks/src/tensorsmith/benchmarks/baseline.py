"""Stored results of benchmarks on a machine, with which later results are compared."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tensorsmith.benchmarks.benchmark import load_benchmark
from tensorsmith.benchmarks.turns import Row, write_json
from tensorsmith.core import Verbatim, check

FOLDER = Path(__file__).parents[3] / "results"
TOLERANCE = 0.15  # fraction by which a case may be slower


def save_baseline(name: str, rows: Sequence[Row]) -> Path:
    """Store the results of a benchmark as the baseline of this machine, and return the path of the file.

    Results of other cases of the same benchmark are kept.
    """
    path = _path(name)
    kept = read_baseline(name) if path.exists() else []
    measured = {row.case for row in rows}
    write_json([*(row for row in kept if row.case not in measured), *rows], path)
    return path


def read_baseline(name: str) -> list[Row]:
    """Return the stored results of a benchmark on this machine.

    Raises:
        ArgumentError: If there is no baseline of this machine.
    """
    path = _path(name)
    check(
        path.exists(),
        "--compare",
        Verbatim(f"no baseline at {path}"),
        "used on a machine with a stored baseline",
        "run the benchmark with --save-baseline first",
    )
    return [Row(**row) for row in json.loads(path.read_text())]


def slower_than_baseline(name: str, rows: Sequence[Row], baseline: Sequence[Row]) -> list[str]:
    """Return a message for each case in which tensorsmith is more than 15 % slower than in the baseline."""
    benchmark = load_benchmark(name)
    before = {row.case: row.median for row in baseline if row.provider == "tensorsmith"}
    messages = []
    for row in rows:
        if row.provider == "tensorsmith" and row.case in before:
            speed = benchmark.times_better(row.median, before[row.case])
            if speed < 1 - TOLERANCE:
                messages.append(
                    f"{row.case} ran at {speed:.2f} times the speed of the baseline: {row.median:.4g} {row.unit} "
                    f"instead of {before[row.case]:.4g}."
                )
    return messages


def _path(name: str) -> Path:
    """Return the path of the baseline of a benchmark on this machine, which its processor identifies."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "unknown")
    machine = re.sub("[^a-z0-9]+", "-", f"{model} {os.cpu_count()} cores".lower()).strip("-")
    return FOLDER / f"{name}-{machine}.json"
