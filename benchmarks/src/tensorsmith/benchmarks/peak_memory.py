"""Script that prints the peak memory of an implementation in megabytes, without inputs and results. Linux only."""

import ctypes
import sys
from pathlib import Path
from typing import Any

from tensorsmith.benchmarks.ops import CASES


def main(name: str, provider: str) -> None:
    """Print the peak memory of a benchmark case, measured after a warm-up with smaller inputs."""
    case = CASES[name]
    assert case.warm_up is not None
    case.warm_up(provider)()
    work = case.work(provider)
    ctypes.CDLL(None).malloc_trim(0)  # returns free memory to the system, so that its reuse is measured
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the current resident size
    before = _kilobytes("VmRSS")
    results = work()
    print((_kilobytes("VmHWM") - before) / 1e3 - _bytes(results) / 1e6)


def _kilobytes(key: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(f"{key}:")).split()[1])


def _bytes(results: Any) -> int:
    if isinstance(results, list | tuple):
        return sum(map(_bytes, results))
    tensor = results.detach() if hasattr(results, "detach") else results
    return int(tensor.numpy().nbytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
