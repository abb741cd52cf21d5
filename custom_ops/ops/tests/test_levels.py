"""Fast kernel tests for the instruction sets between the best supported one and the baseline.

Those two are tested by `make test-sanitize`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith import ops

KERNELS = Path(__file__).parent / "kernels"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("level", sorted(set(ops.library().levels) - {ops.library().level, "baseline"}))
def test_level(level):
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", KERNELS],
        env={**os.environ, "TENSORSMITH_OPS_LEVEL": level},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-1000:]
