"""Interfaces that benchmark modules implement."""

import ast
import importlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Contender(Protocol):
    """Implementation that is ready to be measured on one benchmark case."""

    def first(self) -> float:
        """Run the warm-up and return the time in seconds from its start to the end of its first step."""

    def turn(self) -> float:
        """Perform one measurement and return the result, in the unit of the benchmark case."""


def _unknown(case: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Group of benchmark cases with the same type of measurement, defined as `BENCHMARK` in a module.

    Attributes:
        cases: Names of the benchmark cases.
        providers: Function that takes a case name and returns a dict that maps each implementation to `True` if it is
            installed.
        prepare: Function that takes the names of a case and an implementation and returns a contender. It is called in
            a separate process for each implementation.
        unit: Function that takes a case name and returns the unit of the measurements.
        lower_is_better: If `True`, smaller measurements are better.
        targets: Function that takes a case name and returns a dict that maps other implementations to target ratios.
        floor: Function that takes a case name and returns the best possible measurement on this machine, or `None` if
            it is unknown.
        pythons: Dict that maps implementations to Python commands, for implementations that require another
            environment.
    """

    cases: Collection[str]
    providers: Callable[[str], Mapping[str, bool]]
    prepare: Callable[[str, str], Contender]
    unit: Callable[[str], str]
    lower_is_better: bool
    targets: Callable[[str], Mapping[str, float]]
    floor: Callable[[str], float | None] = _unknown
    pythons: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def times_better(self, ours: float, theirs: float) -> float:
        """Return the factor by which one measurement is better than another."""
        return theirs / ours if self.lower_is_better else ours / theirs


def summaries() -> dict[str, str]:
    """Return the names of all benchmarks, which are the modules that define `BENCHMARK`, and what they compare."""
    texts = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))}
    found = {name: text for name, text in texts.items() if re.search(r"^BENCHMARK = ", text, re.MULTILINE)}
    heads = {name: ast.get_docstring(ast.parse(text)) or "" for name, text in found.items()}
    return {name: head.splitlines()[0].partition(": ")[2] for name, head in heads.items()}


def load_benchmark(name: str) -> Benchmark:
    """Return a benchmark, given its name or the qualified name of the module that defines it."""
    module = importlib.import_module(f"{__package__}.{name}" if name in summaries() else name)
    benchmark: Benchmark = module.BENCHMARK
    return benchmark
