"""Random transformations: class balance, mixing and interleaving, compared with formulas and statistical bounds."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tensorsmith.data.pipelines import cutmix, interleave_weighted, mixup, oversample, undersample
from tensorsmith.testing import raises_argument_error

COUNTS = [6000, 3000, 500]
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], COUNTS))


def is_likely(found, trials, probability):
    """Returns `True` within 5 standard deviations of a binomial distribution, exceeded once in 1.7 million draws."""
    deviation = np.sqrt(trials * probability * (1 - probability))
    return abs(found - trials * probability) <= 5 * deviation + 1e-9


def numbered_labels():
    return tf.data.Dataset.from_tensor_slices((np.arange(len(LABELS)), LABELS))


def run(dataset):
    return np.concatenate([numbers for numbers, _ in dataset.batch(1000).as_numpy_iterator()])


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (None, [500 / 6000, 500 / 3000, 1]),
        ([2, 1, 0], [1, 1, 0]),
        ([0.25, 0.5, 0.25], [500 / 6000, 2 * 500 / 3000, 1]),
    ],
)
def test_undersampling(target, kept):
    numbers = run(numbered_labels().apply(undersample(lambda _, label: label, COUNTS, target, seed=1)))
    assert (np.diff(numbers) > 0).all()
    found = np.bincount(LABELS[numbers], minlength=3)
    assert all(map(is_likely, found, COUNTS, kept)), found


@pytest.mark.parametrize(
    ("target", "copies"),
    [(None, [1, 2, 12]), ([2, 1, 1], [1, 1, 6]), ([3, 4, 0.5], [1, 8 / 3, 2]), ([1, 1, 0], [1, 2, 0])],
)
def test_oversampling(target, copies):
    numbers = run(numbered_labels().apply(oversample(lambda _, label: label, COUNTS, target, seed=1)))
    assert (np.diff(numbers) >= 0).all()
    of_each = np.bincount(numbers, minlength=len(LABELS))
    for label, wanted in enumerate(copies):
        found = of_each[label == LABELS]
        assert found.min() >= np.floor(wanted)
        assert found.max() <= np.ceil(wanted)
        assert is_likely((found - np.floor(wanted)).sum(), len(found), wanted % 1)


def test_sampling_seed():
    def make(seed):
        return numbered_labels().apply(undersample(lambda _, label: label, COUNTS, seed=seed))

    dataset = make(1)
    first, second = run(dataset).tolist(), run(dataset).tolist()
    assert first != second
    again = make(1)
    assert [run(again).tolist(), run(again).tolist()] == [first, second]
    assert run(make(2)).tolist() != first


@pytest.mark.parametrize(
    ("counts", "target", "name"),
    [
        ([], None, "counts"),
        ([1, -1], None, "counts"),
        ([0, 0], None, "counts"),
        ([1, np.nan], None, "counts"),
        ([1, 1], [1], "target"),
        ([1, 1], [0, 0], "target"),
        ([1, 0], [1, 1], "target"),
    ],
)
@pytest.mark.parametrize("function", [undersample, oversample])
def test_bad_proportions(function, counts, target, name):
    with raises_argument_error(name):
        function(lambda label: label, counts, target, seed=1)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mixup_matches_paper(alpha):
    rng = np.random.default_rng(0)
    size = 400
    x = {"image": rng.normal(size=(size, 3, 2, 1)), "number": rng.normal(size=size).astype("float32")}
    batches = tf.data.Dataset.from_tensors((x, np.eye(size))).repeat(3).apply(mixup(alpha, seed=1))
    weights, orders = [], []
    for mixed, y in batches.as_numpy_iterator():
        # The labels encode weights and partners: row i has λ in column i and 1 - λ in column π(i).
        np.testing.assert_allclose(y.sum(axis=1), 1)
        partners = np.argmax(y * (1 - np.eye(size)), axis=1)
        others = np.flatnonzero(np.diag(y) < 1)
        assert len(set(partners[others])) == len(others)
        weights.append(np.diag(y)[others])
        orders.append(partners)
        for name, values in x.items():
            assert mixed[name].dtype == values.dtype
            np.testing.assert_allclose(mixed[name], np.tensordot(y, values, 1), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(orders[0], orders[1])
    assert stats.kstest(np.concatenate(weights), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def reference_cutmix_shares(count, height, width, rng):
    """Returns the fractions of an image that are kept, computed with the algorithm of the paper."""
    for _ in range(count):
        weight = rng.beta(1, 1)
        h, w = int(height * np.sqrt(1 - weight)), int(width * np.sqrt(1 - weight))
        row, column = rng.integers(height), rng.integers(width)
        rows = np.clip([row - h // 2, row + h // 2], 0, height)
        columns = np.clip([column - w // 2, column + w // 2], 0, width)
        yield 1 - np.diff(rows)[0] * np.diff(columns)[0] / (height * width)


def test_cutmix_labels_match_area():
    size, height, width = 300, 12, 20
    values = np.arange(size, dtype="float32")
    images = np.broadcast_to(values[:, None, None, None], (size, height, width, 2)).copy()
    batches = tf.data.Dataset.from_tensors((images, np.eye(size, dtype="float32"))).repeat(5).apply(cutmix(seed=1))
    shares = []
    for x, y in batches.as_numpy_iterator():
        partners = np.argmax(y * (1 - np.eye(size)), axis=1)
        for number in range(size):
            foreign = x[number, :, :, 0] != number
            np.testing.assert_array_equal(x[number, :, :, 1] != number, foreign)
            if not foreign.any():
                assert y[number, number] == 1
                continue
            assert (x[number][foreign] == partners[number]).all()
            rows, columns = foreign.any(axis=1), foreign.any(axis=0)
            np.testing.assert_array_equal(foreign, rows[:, None] & columns)
            assert np.diff(np.flatnonzero(rows)).max(initial=1) == np.diff(np.flatnonzero(columns)).max(initial=1) == 1
            np.testing.assert_allclose(y[number, number], 1 - foreign.mean(), rtol=1e-5)
            np.testing.assert_allclose(y[number, partners[number]], foreign.mean(), rtol=1e-5)
        own = np.flatnonzero(np.diag(y) < 1)
        shares.append(np.diag(y)[own])
    shares = np.concatenate(shares).astype(float).round(6)  # both are multiples of one pixel
    reference = np.fromiter(reference_cutmix_shares(20_000, height, width, np.random.default_rng(1)), float).round(6)
    assert stats.ks_2samp(shares, reference[reference < 1]).pvalue > 1e-3


def test_mixing_preserves_batch_size_and_dtype():
    x = tf.ones((5, 4, 4, 1), tf.float16)
    for function in (mixup, cutmix):
        dataset = tf.data.Dataset.from_tensor_slices((x, tf.eye(5))).batch(3).apply(function(seed=2))
        assert dataset.element_spec[0].dtype == tf.float16
        assert [len(y) for _, y in dataset] == [3, 2]
        assert dataset.cardinality() == 2


BATCHES = tf.data.Dataset.from_tensors((tf.ones((2, 4, 4, 1)), tf.eye(2)))


@pytest.mark.usefixtures("without_source")
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: mixup(0, seed=1), "alpha"),
        (lambda: cutmix("a", seed=1), "alpha"),
        (lambda: mixup(seed=-1), "seed"),
        (lambda: BATCHES.map(lambda x, y: x).apply(mixup(seed=1)), "dataset"),
        (lambda: BATCHES.map(lambda x, y: (tf.cast(x, tf.uint8), y)).apply(mixup(seed=1)), "x"),
        (lambda: BATCHES.map(lambda x, y: (x, tf.argmax(y, 1))).apply(cutmix(seed=1)), "y"),
        (lambda: BATCHES.unbatch().map(lambda x, y: (x, y[0])).apply(mixup(seed=1)), "y"),
        (lambda: BATCHES.unbatch().apply(cutmix(seed=1)), "x"),
    ],
)
def test_bad_batches(make, name):
    with raises_argument_error(name):
        make()


def sources(*sizes):
    return [tf.data.Dataset.range(1000 * number, 1000 * number + size) for number, size in enumerate(sizes)]


def test_interleave_weights():
    endless = interleave_weighted(sources(7, 11, 13), [1, 2, 5], until="never", seed=1)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    numbers = np.array(list(endless.take(4000).as_numpy_iterator()))
    for number, (size, share) in enumerate([(7, 1 / 8), (11, 2 / 8), (13, 5 / 8)]):
        own = numbers[numbers // 1000 == number] % 1000
        assert is_likely(len(own), 4000, share)
        np.testing.assert_array_equal(own, np.arange(len(own)) % size)


def test_interleave_until_first():
    mixed = list(interleave_weighted(sources(20, 900), [1, 1], seed=3).as_numpy_iterator())
    small = [number for number in mixed if number < 1000]
    assert small == list(range(20))
    assert len(mixed) < 200


def test_interleave_until_last():
    dataset = interleave_weighted(sources(20, 900, 0), [5, 1, 1], until="last", seed=3)
    assert dataset.cardinality() == 920
    mixed = list(dataset.as_numpy_iterator())
    assert sorted(mixed) == [*range(20), *range(1000, 1900)]
    unknown = [dataset.filter(lambda number: number % 2 == 0), *sources(3)]
    assert interleave_weighted(unknown, [1, 1], until="last", seed=3).cardinality() == tf.data.UNKNOWN_CARDINALITY


def test_interleave_seed():
    def make(seed):
        return interleave_weighted(sources(50, 50), [1, 1], until="last", seed=seed)

    dataset = make(1)
    first, second = list(dataset.as_numpy_iterator()), list(dataset.as_numpy_iterator())
    assert first != second
    assert list(make(1).as_numpy_iterator()) == first
    assert list(make(2).as_numpy_iterator()) != first


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (dict(datasets=[]), "datasets"),
        (dict(weights=[1]), "weights"),
        (dict(weights=[1, 0]), "weights"),
        (dict(weights=[1, float("inf")]), "weights"),
        (dict(until="frist"), "until"),
        (dict(datasets=sources(3, 0), until="never"), "datasets[1]"),
        (dict(seed=0.5), "seed"),
    ],
)
def test_bad_sources(arguments, name):
    with raises_argument_error(name):
        interleave_weighted(**{"datasets": sources(3, 3), "weights": [1, 1], "seed": 1} | arguments)
