"""Fixtures for the tests of records."""

import pytest

from tensorsmith.records import available


@pytest.fixture(scope="session", autouse=True)
def compiled_records():
    """Skips the tests if there is no compiled library to compare with the reference implementation."""
    if not available():
        pytest.skip("there is no compiled library here")
