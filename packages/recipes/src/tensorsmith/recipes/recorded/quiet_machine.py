"""Check that nothing else runs on the machine, so that training times are comparable."""

import contextlib
import time

import numpy as np

from tensorsmith.core import replace_file
from tensorsmith.data.datasets.obtain import cache_folder

FILE = "quiet_rate.txt"  # in the cache folder: the highest rate that was measured on this machine
FRACTION = 0.9  # of the highest rate, from which on the machine counts as quiet
SIZE, REPEATS = 1500, 8


def is_quiet() -> bool:
    """Return `True` if a matrix product reaches 90 % of the highest rate that was measured on this machine.

    The mean over several products is measured, because the fastest one of them may be undisturbed on a busy machine.
    """
    path, rate, highest = cache_folder() / FILE, _rate(), 0.0
    with contextlib.suppress(OSError, ValueError):
        highest = float(path.read_text())
    if not rate <= highest:  # also if the file contains no number
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as draft:
            draft.write_text(f"{rate:.4g}\n")
    return not rate < FRACTION * highest


def _rate() -> float:
    """Return the rate of matrix products, in floating-point operations per second."""
    matrix = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype("float32")
    matrix @ matrix  # starts the threads
    started = time.perf_counter()
    for _ in range(REPEATS):
        matrix @ matrix
    return 2 * SIZE**3 * REPEATS / (time.perf_counter() - started)
