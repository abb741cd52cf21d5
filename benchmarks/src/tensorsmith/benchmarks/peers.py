"""Benchmark cases whose peers are other libraries, some of which require an environment of their own.

The provider `addons` is TensorFlow Addons on the current TensorFlow, imported through the bridge. The provider
`addons_ops` runs the compiled ops of Addons in the environment that `make parity` builds.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorsmith.core
from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.calls import Calls

Work = Callable[[], Any]
PARITY = Path(sys.prefix) / "parity" / "bin" / "python"
_SOURCES = [
    Path(package.__file__ or "").parents[2] for package in (tensorsmith.core, sys.modules["tensorsmith.benchmarks"])
]
_ENVIRONMENT = (f"PYTHONPATH={':'.join(map(str, _SOURCES))}", "TF_CPP_MIN_LOG_LEVEL=3")
PYTHONS = {"addons_ops": ["env", *_ENVIRONMENT, str(PARITY), "-W", "ignore"]}
MODULES = {"addons": "tensorflow_addons", "opencv": "cv2", "uncached": "tensorsmith.seq2seq"}


@dataclass(frozen=True)
class PeerCase:
    """Benchmark case with the implementations to compare.

    Attributes:
        work: Function that takes the name of an implementation and returns a function to measure. It is called in a
            separate process for each implementation.
        targets: Dict that maps the names of the other implementations to target speedups.
    """

    work: Callable[[str], Work]
    targets: Mapping[str, float]


def benchmark_of(cases: Mapping[str, PeerCase]) -> Benchmark:
    """Return the benchmark of several cases, whose measurements are durations in milliseconds."""
    return Benchmark(
        cases=cases,
        providers=lambda case: {name: _is_installed(name) for name in ("tensorsmith", *cases[case].targets)},
        prepare=lambda case, provider: _prepared(cases[case], provider),
        unit=lambda case: "ms",
        lower_is_better=True,
        targets=lambda case: cases[case].targets,
        pythons=PYTHONS,
    )


def _prepared(case: PeerCase, provider: str) -> Calls:
    """Return an implementation that is ready to be measured on a benchmark case."""
    if provider == "addons":
        importlib.import_module("tensorsmith.addons")
    elif provider in ("tensorsmith", "tensorflow", "keras"):
        tensorsmith.core.load_tensorflow()
    return Calls(case.work(provider))


def _is_installed(provider: str) -> bool:
    """Return `True` if the library of an implementation is installed."""
    if provider == "addons_ops":
        return PARITY.exists()
    return importlib.util.find_spec(MODULES.get(provider, provider)) is not None
