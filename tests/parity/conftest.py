import sys
from pathlib import Path

import pytest
from side import Side


@pytest.fixture(scope="session")
def addons():
    """TensorFlow Addons in a separate process."""
    if sys.version_info >= (3, 12):
        pytest.skip("Addons has no wheel for Python 3.12 and later")
    side = Side()
    yield side
    side.close()


@pytest.fixture(scope="session")
def addons_with_ops():
    """TensorFlow Addons with its compiled ops, and the TensorFlow version that they were built for."""
    python = Path(__file__).parents[2] / ".venv" / "parity" / "bin" / "python"
    if not python.exists():
        pytest.skip("there is no environment with TensorFlow 2.15, which `make parity` builds where Python 3.11 is")
    side = Side(python)
    yield side
    side.close()
