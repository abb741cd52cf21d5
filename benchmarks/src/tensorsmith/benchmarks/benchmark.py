"""The parts of a benchmark."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NAMES = ("loop", "ops", "components", "data")


class Contender(Protocol):
    """One provider at work on one case."""

    def first(self) -> float:
        """Warm up; return the seconds to the first step."""

    def turn(self) -> float:
        """Return one measurement, in the unit of the case."""


def _unknown(case: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Cases that are measured alike. A module of this package has one as `BENCHMARK`.

    Attributes:
        cases: Names of the cases.
        providers: Takes a case; returns whether each provider is installed, by its name.
        prepare: Takes a case and a provider; returns the provider, ready for the case. Called in a process of the
            provider's own.
        unit: Takes a case; returns the unit of its measurements.
        lower_is_better: If `True`, the smallest measurement is the best.
        targets: Takes a case; returns how many times as good as each provider ours is meant to be.
        floor: Takes a case; returns the best measurement that this machine allows, or `None` if that is not known.
        pythons: Command that starts the Python of a provider, for those that need another environment.
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
        """Return how many times as good one measurement is as another."""
        return theirs / ours if self.lower_is_better else ours / theirs


def load_benchmark(name: str) -> Benchmark:
    """Return a benchmark by its name, one of `NAMES`, or by the full name of its module."""
    module = importlib.import_module(f"{__package__}.{name}" if name in NAMES else name)
    benchmark: Benchmark = module.BENCHMARK
    return benchmark
