"""Fast tests of kernel results for the instruction sets between the best supported one and the baseline.

Those two are tested by `make test-sanitize`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith import ops

KERNELS = Path(__file__).parent / "kernels"

# Argument checks, shape inference, tracing, export, second gradients and reference implementations are the same code
# for all instruction sets. The last three expressions match parameters in the names of tests.
SHARED = "hostile or bad_arguments or out_of_range or unknown or static or second_gradients or xla or graphs or lite"
SHARED += " or [reference or -reference- or -reference]"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("level", sorted(set(ops.library().levels) - {ops.library().level, "baseline"}))
def test_level(level):
    flags = ["-q", "-p", "no:cacheprovider", "-m", "not slow", "-k", f"not ({SHARED})"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *flags, KERNELS],
        env={**os.environ, "TENSORSMITH_OPS_LEVEL": level},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-1000:]
