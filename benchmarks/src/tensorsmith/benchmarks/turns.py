"""Interleaved measurements of implementations in separate processes."""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tensorsmith.benchmarks.benchmark import load_benchmark
from tensorsmith.core import replace_file

# Otherwise PyTorch warns in each process that there is no GPU.
PYTHON = [sys.executable, "-W", "ignore:CUDA initialization"]


@dataclass(frozen=True)
class Row:
    """Result of one implementation on one benchmark case."""

    case: str
    provider: str
    unit: str
    median: float
    p20: float
    p80: float
    turns: int
    first_step_seconds: float
    peak_megabytes: float


def measure(name: str, case: str, providers: Sequence[str], rounds: int) -> Iterator[Row]:
    """Measure all implementations of a benchmark case alternately, for several rounds.

    Args:
        name: Name of the benchmark, or qualified name of the Python module that defines the benchmark.
        case: Name of the case, one of the cases that the benchmark defines.
        providers: Names of the implementations to measure.
        rounds: Number of measurements per implementation.

    Yields:
        A `Row` for each provider. Its peak memory includes the libraries.
    """
    benchmark = load_benchmark(name)
    pythons, unit = benchmark.pythons, benchmark.unit(case)
    workers = {provider: _Worker(pythons.get(provider, PYTHON), name, case, provider) for provider in providers}
    try:
        first = {provider: worker.ask("first") for provider, worker in workers.items()}
        samples: dict[str, list[float]] = {provider: [] for provider in providers}
        for _ in range(rounds):
            for provider, worker in workers.items():
                samples[provider].append(worker.ask("turn"))
        peaks = {provider: worker.ask("peak") for provider, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.stop()
    for provider, values in samples.items():
        p20, *_, p80 = statistics.quantiles(values, n=5, method="inclusive")
        yield Row(case, provider, unit, statistics.median(values), p20, p80, rounds, first[provider], peaks[provider])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the results to a JSON file, as a list of objects."""
    with replace_file(path) as draft:
        draft.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


class _Worker:
    """Subprocess that waits for requests on standard input and is idle between requests."""

    def __init__(self, python: Sequence[str], name: str, case: str, provider: str) -> None:
        self._provider = provider
        self._process = subprocess.Popen(
            [*python, "-m", f"{__package__}.provider", name, case, provider],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018
        answer = ""
        with contextlib.suppress(BrokenPipeError):
            print(question, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        if not answer:
            raise ChildProcessError(f"{self._provider}'s process ended with exit code {self._process.wait()}")
        return float(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()  # also closes the pipes
