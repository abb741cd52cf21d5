"""Interfaces that benchmark modules implement."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NAMES = ("loop", "ops", "components", "data")


class Contender(Protocol):
    """Implementation that is ready to be measured on one benchmark case."""

    def first(self) -> float:
        """Run the warm-up and return the time to the end of the first step in seconds."""

    def turn(self) -> float:
        """Return one measurement, in the unit of the benchmark case."""


def _unknown(case: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Group of benchmark cases with the same type of measurement. A benchmark module defines one as `BENCHMARK`.

    Attributes:
        cases: Names of the cases.
        providers: Function of a case that returns a dict of provider names to booleans, `True` if installed.
        prepare: Function of a case and a provider that returns a contender. It is called in a separate process for each
            provider.
        unit: Function of a case that returns the unit of its measurements.
        lower_is_better: If `True`, smaller measurements are better.
        targets: Function of a case that returns a dict of provider names to the target ratio between that provider and
            tensorsmith.
        floor: Function of a case that returns the best measurement possible on this machine, or `None` if unknown.
        pythons: Dict of provider names to Python commands, for providers that need another environment.
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


def load_benchmark(name: str) -> Benchmark:
    """Return the benchmark with a name from `NAMES`, or the benchmark in the module with a qualified name."""
    module = importlib.import_module(f"{__package__}.{name}" if name in NAMES else name)
    benchmark: Benchmark = module.BENCHMARK
    return benchmark
