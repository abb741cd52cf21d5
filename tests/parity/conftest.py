import sys

import pytest
from side import Side


@pytest.fixture(scope="session")
def addons():
    """TensorFlow Addons in a process of its own."""
    if sys.version_info >= (3, 12):
        pytest.skip("Addons has no wheel for Python 3.12 and later")
    side = Side()
    yield side
    side.close()
