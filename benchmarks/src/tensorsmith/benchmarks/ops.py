"""Benchmark `tensorsmith bench ops`: compiled kernels compared with Keras, XLA, PyTorch and hardware limits.

A measurement is the median duration of repeated calls over some tenths of a second, in a separate process for each
provider. The floor of a case is the minimum duration on this machine: the bytes to move divided by the measured
bandwidth, or the operations divided by the measured rate of matrix products. Memory cases measure the peak memory,
excluding inputs and results, in a new process each time.
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
from tensorsmith.benchmarks.kernel_case import KernelCase  # noqa: E402
from tensorsmith.benchmarks.turns import PYTHON  # noqa: E402
from tensorsmith.ops import active, library  # noqa: E402

CASES: dict[str, KernelCase] = {
    name: case
    for module in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}.")
    for name, case in getattr(importlib.import_module(module.name), "CASES", {}).items()
}


def _unit(case: str) -> str:
    """Return the unit of a benchmark case: megabytes for memory benchmarks, milliseconds otherwise."""
    return "MB" if CASES[case].warm_up else "ms"


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed, else to `False`."""
    check(
        active(),
        "compiled kernels",
        Verbatim(library().reason or "disabled kernels"),
        "available",
        "run `tensorsmith doctor` to find the reason",
    )
    modules = {"torch": "torch", "opencv": "cv2"}  # of implementations that may not be installed
    return {
        provider: provider not in modules or bool(importlib.util.find_spec(modules[provider]))
        for provider in CASES[case].providers
    }


def _floor(case: str) -> float | None:
    """Return the theoretical minimum duration of a benchmark case in milliseconds, or `None` if it is unknown."""
    work = CASES[case]
    if not (work.megabytes or work.gigaflops):
        return None
    bytes_per_second, operations_per_second = ceilings()
    return 1e3 * max(work.megabytes * 1e6 / bytes_per_second, work.gigaflops * 1e9 / operations_per_second)


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a benchmark case."""
    return _Memory(case, provider) if CASES[case].warm_up else Calls(CASES[case].work(provider))


@cache
def ceilings() -> tuple[float, float]:
    """Return the highest measured rates of bytes and of floating-point operations per second."""
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
