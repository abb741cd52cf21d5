"""Caches in memory and on disk, and their invalidation."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import cached
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import DamagedFileError


class Counted:
    """A dataset that counts how often its elements are computed."""

    def __init__(self, values=range(5), fails_at=None):
        self.made = 0
        self.values, self.fails_at = list(values), fails_at

    def dataset(self):
        def generate():
            for value in self.values:
                if value == self.fails_at:
                    raise RuntimeError("as if killed")
                self.made += 1
                yield {"x": np.full(3, value, "float32"), "name": f"{value}"}

        spec = {"x": tf.TensorSpec([3], tf.float32), "name": tf.TensorSpec([], tf.string)}
        return tf.data.Dataset.from_generator(generate, output_signature=spec)


def values(dataset):
    return [(int(element["x"][0]), element["name"].decode()) for element in dataset.as_numpy_iterator()]


FIVE = [(number, str(number)) for number in range(5)]


@pytest.mark.parametrize("on_disk", [False, True])
def test_elements_are_computed_once(tmp_path, on_disk):
    source = Counted()
    dataset = source.dataset().apply(cached(tmp_path / "new/cache", version=0) if on_disk else cached())
    assert source.made == (5 if on_disk else 0)
    for _ in range(3):
        assert values(dataset) == FIVE
    assert source.made == 5
    assert not on_disk or dataset.cardinality() == 5


def test_cache_is_shared_between_runs(tmp_path):
    values(Counted().dataset().apply(cached(tmp_path, version=[1, {"size": 3}])))
    later = Counted()
    assert values(later.dataset().apply(cached(tmp_path, version=[1, {"size": 3}]))) == FIVE
    assert later.made == 0


def test_many_elements_keep_their_order(tmp_path):
    dataset = tf.data.Dataset.range(3000).apply(cached(tmp_path, version=0))
    assert list(dataset.as_numpy_iterator()) == list(range(3000))
    assert list(tf.data.Dataset.range(0).apply(cached(tmp_path / "none", version=0)).as_numpy_iterator()) == []


def change_content(file):
    file.write_text("longer than before")


def change_time(file):
    os.utime(file, ns=(1, 1))


def change_nothing(file):
    file.read_text()


@pytest.mark.parametrize(("change", "is_void"), [(change_content, True), (change_time, True), (change_nothing, False)])
def test_changed_files(tmp_path, change, is_void):
    file = tmp_path / "source.csv"
    file.write_text("before")
    Counted().dataset().apply(cached(tmp_path / "cache", version=0, files=[file]))
    change(file)
    again = Counted(range(7))
    dataset = again.dataset().apply(cached(tmp_path / "cache", version=0, files=[file]))
    assert again.made == (7 if is_void else 0)
    assert len(values(dataset)) == (7 if is_void else 5)


def test_separate_caches(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for file in (one, two):
        file.write_text("same")
    options = [{"version": number} for number in range(3)]
    options += [{"version": 0, "files": files} for files in ([one], [two], [one, two])]
    for count, option in enumerate(options):
        dataset = Counted(range(count)).dataset().apply(cached(tmp_path / "cache", **option))
        assert len(values(dataset)) == count
    for count, option in enumerate(options):
        assert len(values(Counted([]).dataset().apply(cached(tmp_path / "cache", **option)))) == count
    other = tf.data.Dataset.range(9).apply(cached(tmp_path / "cache", version=0))
    assert len(list(other)) == 9


def test_incomplete_cache_is_ignored(tmp_path):
    with pytest.raises(tf.errors.OpError, match="as if killed"):
        Counted(fails_at=3).dataset().apply(cached(tmp_path, version=0))
    assert list(tmp_path.iterdir()) == []
    assert values(Counted().dataset().apply(cached(tmp_path, version=0))) == FIVE


def test_cache_of_killed_process_is_ignored(tmp_path, monkeypatch):
    """Tests a process killed before the last step of writing, without cleanup."""

    def kill(self, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            Counted(range(2)).dataset().apply(cached(tmp_path, version=0))
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
    assert values(Counted().dataset().apply(cached(tmp_path, version=0))) == FIVE


def test_concurrent_writers(tmp_path, monkeypatch):
    replace = Path.replace

    def be_late(self, target):
        monkeypatch.setattr(Path, "replace", replace)
        Counted().dataset().apply(cached(tmp_path, version=0))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", be_late)
    assert values(Counted().dataset().apply(cached(tmp_path, version=0))) == FIVE
    assert len(list(tmp_path.glob("*.tfrecord"))) == len(list(tmp_path.glob("[!.]*"))) / 2 == 1


def test_damaged_cache(tmp_path):
    Counted().dataset().apply(cached(tmp_path, version=0))
    (file,) = tmp_path.glob("*.tfrecord")
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(DamagedFileError):
        Counted().dataset().apply(cached(tmp_path, version=0))


def test_ragged_and_sparse_elements(tmp_path):
    ragged = tf.data.Dataset.from_tensor_slices({"words": tf.ragged.constant([[[1], [2, 3]], [[], [4]]])})
    both = ragged.map(lambda row: row | {"sparse": row["words"].to_sparse()})
    kept = both.apply(cached(tmp_path, version=0))
    assert kept.element_spec == both.element_spec
    for found, expected in zip(kept, both, strict=True):
        assert found["words"].to_list() == expected["words"].to_list()
        np.testing.assert_array_equal(tf.sparse.to_dense(found["sparse"]), tf.sparse.to_dense(expected["sparse"]))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda folder: cached(version=1), "version"),
        (lambda folder: cached(folder), "version"),
        (lambda folder: cached(files=["a"]), "files"),
        (lambda folder: cached(folder, version={1, 2}), "version"),
        (lambda folder: tf.data.Dataset.range(3).repeat().apply(cached(folder, version=0)), "dataset"),
        (lambda folder: tf.data.Dataset.range(3).repeat().apply(cached()), "dataset"),
    ],
)
def test_bad_arguments(tmp_path, make, name):
    with raises_argument_error(name):
        make(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        tf.data.Dataset.range(3).apply(cached(tmp_path, version=0, files=[tmp_path / "nowhere.csv"]))
