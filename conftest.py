"""Settings of all tests."""

import gc
import itertools
import random
import signal
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import settings

# The same examples each time, so that what fails after a change fails because of it; --hypothesis-profile=default looks
# for more.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Shells let their background jobs ignore Ctrl-C, which processes inherit; a handler they do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Seeds Python, from which Keras draws its default seeds, and NumPy, so that no test depends on luck."""
    random.seed(0)
    np.random.seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what a test marked `pairwise` has beyond a covering subset of its parameters' combinations."""
    groups = defaultdict(list)
    for item in items:
        if item.get_closest_marker("pairwise") and hasattr(item, "callspec"):
            groups[item.parent, item.originalname].append(item)
    for group in groups.values():
        kept = covering([tuple(map(id, item.callspec.params.values())) for item in group])
        for number, item in enumerate(group):
            if number not in kept:
                item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """Excludes modules and tests, which live until the end, from garbage collection."""
    gc.collect()
    gc.freeze()


def covering(rows):
    """Numbers of the rows that together have every pair of values; of two columns, every value.

    A column that follows from another, as the names of one `parametrize` do, does not count.
    """
    columns = [column for column in dict.fromkeys(zip(*rows, strict=True)) if len(set(column)) > 1]
    columns = [
        column
        for number, column in enumerate(columns)
        if not any(
            follows(column, other) and (n < number or not follows(other, column))
            for n, other in enumerate(columns)
            if n != number
        )
    ]
    strength = 2 if len(columns) > 2 else 1
    choices = list(itertools.combinations(range(len(columns)), min(strength, len(columns))))
    parts = [{(choice, tuple(columns[c][row] for c in choice)) for choice in choices} for row in range(len(rows))]
    left, kept = set().union(*parts), set()
    while left:
        best = max(range(len(rows)), key=lambda row: len(parts[row] & left))
        kept.add(best)
        left -= parts[best]
    return kept


def follows(column, other):
    """Tells whether each value of the other column comes with one value of this one."""
    return len(set(zip(other, column, strict=True))) == len(set(other))
