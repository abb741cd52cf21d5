"""What the tests of records share."""

import pytest

from tensorsmith.records import available


@pytest.fixture(scope="session", autouse=True)
def compiled_records():
    """Nothing to compare with the twin without a compiler."""
    if not available():
        pytest.skip("there is no compiled library here")
