"""Windows, their targets, and parallel streams, compared with NumPy."""

import importlib
import itertools

import numpy as np
import pytest
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from tensorsmith.data.pipelines import parallel_streams, targets_ahead, targets_each_step, windows
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

STEPS = np.random.default_rng(0).normal(size=(57, 3)).astype("float32")


def listed(dataset):
    return list(dataset.as_numpy_iterator())


def expected_windows(steps, length, shift, stride):
    return sliding_window_view(steps, (length - 1) * stride + 1, axis=0)[::shift].swapaxes(1, -1)[:, ::stride]


@pytest.mark.parametrize("at_once", [1, 100, 1 << 20])
@pytest.mark.parametrize(
    ("length", "shift", "stride"), [(1, 1, 1), (5, 1, 1), (5, 5, 1), (4, 9, 1), (3, 1, 4), (57, 1, 1), (2, 60, 3)]
)
def test_windows_match_numpy(monkeypatch, at_once, length, shift, stride):
    module = importlib.import_module("tensorsmith.data.pipelines.windows")  # its name is also that of a function
    monkeypatch.setattr(module, "BYTES_AT_ONCE", at_once)
    dataset = tf.data.Dataset.from_tensor_slices(STEPS).apply(windows(length, shift=shift, stride=stride))
    expected = expected_windows(STEPS, length, shift, stride)
    assert dataset.element_spec.shape == (length, 3)
    assert dataset.cardinality() == len(expected)
    np.testing.assert_array_equal(listed(dataset), expected)


@pytest.mark.parametrize("nested", [False, True])
def test_nested_structures(nested):
    steps = {"x": STEPS, "day": np.arange(57)}
    dataset = tf.data.Dataset.from_tensor_slices(steps).apply(windows(4, shift=3, nested=nested))
    if nested:
        dataset = dataset.flat_map(lambda window: tf.data.Dataset.zip(window).batch(4))
    for name, column in steps.items():
        found = [window[name] for window in dataset.as_numpy_iterator()]
        np.testing.assert_array_equal(found, sliding_window_view(column, 4, axis=0)[::3].swapaxes(1, -1))


def test_sequence_shorter_than_window():
    dataset = tf.data.Dataset.range(4).apply(windows(5))
    assert dataset.cardinality() == 0
    assert listed(dataset) == []


def test_infinite_and_unknown_cardinality():
    endless = tf.data.Dataset.range(4).repeat().apply(windows(3, shift=2))
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    assert [window.tolist() for window in listed(endless.take(3))] == [[0, 1, 2], [2, 3, 0], [0, 1, 2]]
    odd = tf.data.Dataset.range(9).filter(lambda number: number % 2 == 1).apply(windows(3))
    assert odd.cardinality() == tf.data.UNKNOWN_CARDINALITY
    assert [window.tolist() for window in listed(odd)] == [[1, 3, 5], [3, 5, 7]]


def test_ragged_elements_require_nested():
    ragged = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1], [2, 3], [4]]))
    with raises_argument_error("dataset", received="RaggedTensorSpec", expected="contain only dense tensors"):
        ragged.apply(windows(2))
    inner = next(iter(ragged.apply(windows(2, nested=True))))
    assert [row.numpy().tolist() for row in inner] == [[1], [2, 3]]


@pytest.mark.parametrize("ahead", [1, 3])
def test_targets_ahead(ahead):
    pairs = tf.data.Dataset.from_tensor_slices(STEPS).apply(windows(8)).apply(targets_ahead(ahead))
    x, y = zip(*listed(pairs), strict=True)
    expected = expected_windows(STEPS, 8, 1, 1)
    np.testing.assert_array_equal(x, expected[:, :-ahead])
    np.testing.assert_array_equal(y, expected[:, -ahead:])


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("ahead", [1, 3])
def test_targets_each_step(ahead, batched):
    dataset = tf.data.Dataset.from_tensor_slices(STEPS).apply(windows(8))
    if batched:
        dataset = dataset.batch(50).apply(targets_each_step(ahead, axis=1))
        x, y = next(dataset.as_numpy_iterator())
    else:
        x, y = zip(*listed(dataset.apply(targets_each_step(ahead))), strict=True)
    expected = expected_windows(STEPS, 8, 1, 1)
    np.testing.assert_array_equal(x, expected[:, :-ahead])
    for step in range(8 - ahead):
        following = expected[:, step + 1] if ahead == 1 else expected[:, step + 1 : step + 1 + ahead]
        np.testing.assert_array_equal(np.array(y)[:, step], following)


def test_character_windows():
    """Tests windows of 101 characters, inputs of 100, and targets shifted by one character."""
    text = "To be, or not to be, that is the question: " * 10
    letters = tf.data.Dataset.from_tensor_slices([ord(letter) for letter in text])
    pairs = listed(letters.apply(windows(101)).apply(targets_each_step()))
    assert len(pairs) == len(text) - 100
    for begin in (0, 17, len(pairs) - 1):
        x, y = ("".join(map(chr, part)) for part in pairs[begin])
        assert (x, y) == (text[begin : begin + 100], text[begin + 1 : begin + 101])


@pytest.mark.parametrize(("count", "length", "shift"), [(3, 5, None), (4, 5, 4), (1, 57, 1), (5, 2, 6)])
def test_parallel_streams_match_reshape(count, length, shift):
    dataset = tf.data.Dataset.from_tensor_slices(STEPS).apply(parallel_streams(count, length, shift=shift))
    parts = STEPS[: len(STEPS) // count * count].reshape(count, -1, 3)
    expected = [parts[:, begin : begin + length] for begin in range(0, parts.shape[1] - length + 1, shift or length)]
    assert dataset.element_spec.shape == (count, length, 3)
    assert dataset.cardinality() == len(expected)
    np.testing.assert_array_equal(listed(dataset), expected)


def test_parallel_streams_are_contiguous():
    text = tf.data.Dataset.from_tensor_slices({"letter": list("abcdefghijklmnopqrstuvwxyz")})
    batches = listed(text.apply(parallel_streams(2, 5, shift=4)).apply(targets_each_step(axis=1)))
    for (_, y), (x, _) in itertools.pairwise(batches):
        np.testing.assert_array_equal(y["letter"][:, -1], x["letter"][:, 0])
    rows = [b"".join(np.concatenate([x["letter"] for x, _ in batches], axis=1)[row]) for row in range(2)]
    assert rows == [b"abcdefghijkl", b"nopqrstuvwxy"]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: windows(0), "length"),
        (lambda: windows(3, shift=-1), "shift"),
        (lambda: windows(3, stride=1.5), "stride"),
        (lambda: windows(True), "length"),
        (lambda: targets_ahead(0), "ahead"),
        (lambda: targets_each_step(1, axis=-1), "axis"),
        (lambda: tf.data.Dataset.range(9).apply(windows(3)).apply(targets_ahead(3)), "ahead"),
        (lambda: tf.data.Dataset.range(9).apply(windows(3)).apply(targets_ahead(1, axis=1)), "axis"),
        (lambda: parallel_streams(0, 2), "count"),
        (lambda: tf.data.Dataset.range(9).apply(parallel_streams(5, 2)), "dataset"),
        (lambda: tf.data.Dataset.range(0).apply(parallel_streams(1, 1)), "dataset"),
        (lambda: tf.data.Dataset.range(3).map(tf.range).apply(windows(2)), "dataset"),
        (lambda: tf.data.Dataset.range(9).repeat().apply(parallel_streams(2, 2)), "dataset"),
    ],
)
def test_bad_arguments(make, name):
    with raises_argument_error(name):
        make()
