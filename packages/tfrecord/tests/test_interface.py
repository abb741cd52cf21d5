"""Public names of the package, their documentation, and the error of `examples` without TensorFlow."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tensorsmith import tfrecord
from tensorsmith.records import Column, write
from tensorsmith.tfrecord import reshard, rows, shuffle, split

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("name", [name for name in tfrecord.__all__ if name.islower()])
def test_functions_are_not_hidden_by_modules(name):
    assert inspect.isfunction(getattr(tfrecord, name))


@pytest.mark.parametrize("name", tfrecord.__all__)
def test_readme_mentions_name(name):
    assert f"`{name}`" in README.read_text()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.tfrecord"
    with path.open("wb") as opened:
        write(opened, {"x": Column.of(np.arange(10))})
    return path


def numbers_in(written):
    return [row["x"][0] for path in written.paths for row in rows(path)]


def test_reshard_keeps_the_order(file, tmp_path):
    written = reshard([file], tmp_path / "out", shards=3)
    assert (written.records, len(written.paths)) == (10, 3)
    assert numbers_in(written) == list(range(10))


def test_shuffle_seed(file, tmp_path):
    orders = [numbers_in(shuffle([file], tmp_path / f"{number}", seed=number % 2)) for number in range(3)]
    assert orders[0] == orders[2] != orders[1]
    assert all(sorted(order) == list(range(10)) != order for order in orders)


def test_split_is_contiguous_without_a_seed(file, tmp_path):
    splits = split([file], tmp_path / "out", {"train": 0.7, "test": 0.3})
    assert [numbers_in(one) for one in splits.values()] == [list(range(7)), [7, 8, 9]]
    shuffled = split([file], tmp_path / "mixed", {"train": 0.7, "test": 0.3}, seed=1)
    assert sorted(numbers_in(shuffled["train"]) + numbers_in(shuffled["test"])) == list(range(10))
    assert numbers_in(shuffled["test"]) != [7, 8, 9]


@pytest.mark.parametrize("missing", ["keras", "tensorflow", pytest.param("tensorsmith.ops", marks=pytest.mark.slow)])
def test_missing_dependency(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from tensorsmith.tfrecord import examples; examples([], {{}}, 1)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = f"ImportError: `examples` needs {missing}, which is not installed. "
    assert result.stderr.splitlines()[-1] == expected + 'Run `pip install "tensorsmith-tfrecord[tensorflow]"`.'
