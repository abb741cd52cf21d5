"""Pytest configuration shared by all tests."""

import contextlib
import gc
import importlib.util
import math
import os
import random
import signal
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tensorsmith.testing.covering import covering

# Deterministic examples, so that a new failure is caused by a change, and no time limit, because other processes can be
# busy. --hypothesis-profile=default searches randomly.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A function that AutoGraph cannot convert raises an error, instead of running in Python with a warning.
os.environ["AUTOGRAPH_STRICT_CONVERSION"] = "1"

# The processes of the tests occupy all cores, and threads of OpenMP that wait for others would keep them busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Apache Beam is not part of the group dev. `make test-slow` installs it.
if importlib.util.find_spec("apache_beam") is None:
    collect_ignore = ["packages/tfrecord/src/tensorsmith/tfrecord/beam.py"]


BYTES_PER_PROCESS = 2.5e9  # memory that a process of the tests needs


def pytest_xdist_auto_num_workers():
    """Return the number of processes for `-n auto`: one for each core, as far as the memory suffices."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # absent on macOS
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # the limits of a container
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return max(1, min(cores, int(memory / BYTES_PER_PROCESS)))


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Install a SIGINT handler, because background jobs of a shell and their child processes ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def without_fsync():
    """Do not wait for the disk, which takes milliseconds for each file. No test removes the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def draft_figures():
    """Write figures at a low resolution and without arranging their parts, for tests of runs that draw many of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def draft(figure, file, **_):
        figure.set_layout_engine("none")
        figure.set_dpi(20)
        FigureCanvasAgg(figure).print_png(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", draft)
        yield


@pytest.fixture(scope="module")
def empty_figures():
    """Write empty images instead of figures, for tests of runs whose figures other tests draw."""
    from matplotlib.figure import Figure
    from PIL import Image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, file, **_: Image.new("L", (8, 8)).save(file, "png"))
        yield


@pytest.fixture
def without_source(monkeypatch):
    """Allow functions whose source AutoGraph cannot find: code in README files, and several lambdas in one line."""
    monkeypatch.delenv("AUTOGRAPH_STRICT_CONVERSION")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Seed NumPy and Python's `random`, which provides the default seeds of Keras, so that tests are deterministic."""
    random.seed(0)
    np.random.seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Reduce the parameter combinations of `pairwise` tests to a subset that covers all pairs of values.

    Two parameters have no other combinations. These are slow, except for a subset that covers all values.
    """
    few_files_with_servers(items)
    groups, left_out = defaultdict(list), set()
    for item in items:
        if item.get_closest_marker("pairwise") and hasattr(item, "callspec"):
            groups[item.parent, item.originalname].append(item)
    for group in groups.values():
        columns = independent_columns([tuple(map(id, item.callspec.params.values())) for item in group])
        pairs = covering(columns, 2, len(group))
        fast = pairs if len(columns) > 2 else covering(columns, 1, len(group))
        for number, item in enumerate(group):
            if number not in fast | pairs:
                left_out.add(item)
            elif number not in fast:
                item.add_marker(pytest.mark.slow)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def few_files_with_servers(items):
    """Mark conformance checks in a server process as slow, except in the file with most of them.

    Each process of the tests starts its own server, which imports TensorFlow.
    """
    for name in ("mirrored_strategy", "savedmodel_export"):
        fast = [item for item in items if item.name == name and not item.get_closest_marker("slow")]
        ((kept, _),) = Counter(item.path for item in fast).most_common(1) or [(None, 0)]
        for item in fast:
            if item.path != kept:
                item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """Exclude the collected modules and tests from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # graphs of TensorFlow have many objects, few of which are garbage


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Collect the garbage of each file and exclude what remains, so that tests that collect theirs are fast."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


def independent_columns(rows):
    """Return the columns of a table that no other column determines, unlike the names of one `parametrize`."""
    columns = [column for column in dict.fromkeys(zip(*rows, strict=True)) if len(set(column)) > 1]
    return [
        column
        for number, column in enumerate(columns)
        if not any(
            follows(column, other) and (n < number or not follows(other, column))
            for n, other in enumerate(columns)
            if n != number
        )
    ]


def follows(column, other):
    """Return `True` if the values in the column `other` determine the values in the column `column`."""
    return len(set(zip(other, column, strict=True))) == len(set(other))
