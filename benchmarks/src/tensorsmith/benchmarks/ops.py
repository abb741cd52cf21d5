"""`tensorsmith bench ops`: the compiled kernels beside Keras, XLA and PyTorch, and how near the machine's limits.

A turn is the median of calls over some tenths of a second, in a process of the provider's own. The floor of a case is
what this machine needs at least: bytes that must be moved over the measured bandwidth, or operations over the measured
rate of matrix products. Cases of memory measure the peak beyond inputs and results, in a fresh process a turn.
"""

import importlib
import importlib.util
import pkgutil
import subprocess
import time
from functools import cache

from tensorsmith.core import Verbatim, check, load_tensorflow

load_tensorflow()

from tensorsmith.benchmarks import kernels  # noqa: E402
from tensorsmith.benchmarks.benchmark import Benchmark, Contender  # noqa: E402
from tensorsmith.benchmarks.calls import Calls  # noqa: E402
from tensorsmith.benchmarks.kernel_case import Case  # noqa: E402
from tensorsmith.benchmarks.turns import PYTHON  # noqa: E402
from tensorsmith.ops import active, library  # noqa: E402

CASES: dict[str, Case] = {
    name: case
    for module in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}.")
    for name, case in getattr(importlib.import_module(module.name), "CASES", {}).items()
}


def _unit(case: str) -> str:
    """Milliseconds, or megabytes for cases of memory."""
    return "MB" if CASES[case].warm_up else "ms"


def _providers(case: str) -> dict[str, bool]:
    """Provider to whether it can be had here."""
    check(active(), "the compiled ops", Verbatim(library().reason or "off"), "kernels to measure", "tensorsmith doctor")
    there = {"torch": bool(importlib.util.find_spec("torch"))}
    return {provider: there.get(provider, True) for provider in CASES[case].providers}


def _floor(case: str) -> float | None:
    """Milliseconds that this machine needs at least."""
    work = CASES[case]
    if not (work.megabytes or work.gigaflops):
        return None
    bytes_per_second, operations_per_second = _ceilings()
    return 1e3 * max(work.megabytes * 1e6 / bytes_per_second, work.gigaflops * 1e9 / operations_per_second)


def _prepare(case: str, provider: str) -> Contender:
    """One provider, ready for one case."""
    return _Memory(case, provider) if CASES[case].warm_up else Calls(CASES[case].work(provider))


@cache
def _ceilings() -> tuple[float, float]:
    measured = library().ops.tensorsmith_ceilings()
    return float(measured.bytes_per_second), float(measured.operations_per_second)


class _Memory:
    def __init__(self, case: str, provider: str) -> None:
        self._command = [*PYTHON, "-m", "tensorsmith.benchmarks.peak_memory", case, provider]

    def first(self) -> float:
        start = time.perf_counter()
        self.turn()
        return time.perf_counter() - start

    def turn(self) -> float:
        return float(subprocess.run(self._command, check=True, stdout=subprocess.PIPE, text=True).stdout)


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=_unit,
    lower_is_better=True,
    targets=lambda case: CASES[case].targets,
    floor=_floor,
)
