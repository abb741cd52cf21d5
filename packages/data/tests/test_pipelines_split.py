"""Splits by hash, compared with published hashes."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import hash_split
from tensorsmith.testing import raises_argument_error

FRACTIONS = {"train": 0.7, "validation": 0.1, "test": 0.2}

# Output of FARM_FINGERPRINT in the BigQuery reference, 64 bits as a signed integer.
PRINTED = {"1footrue": -1541654101129638711, "2applefalse": 2794438866806483259, "3true": -4880158226897771312}


def numbers_of(part, numbers=range(2000), **options):
    dataset = tf.data.Dataset.from_tensor_slices(list(numbers))
    return list(dataset.apply(hash_split(part, FRACTIONS, lambda number: number, **options)).as_numpy_iterator())


@pytest.mark.parametrize(("text", "printed"), PRINTED.items())
def test_published_fingerprints(text, printed):
    position = printed % 2**53 / 2**53
    dataset = tf.data.Dataset.from_tensors(text)
    for narrow in (position - 1e-9, position + 1e-9):
        fractions = {"below": narrow, "above": 1 - narrow}
        for part in fractions:
            found = len(list(dataset.apply(hash_split(part, fractions, lambda text: text))))
            assert found == ((position < narrow) == (part == "below"))


def test_parts_are_disjoint_and_complete():
    parts = {part: numbers_of(part) for part in FRACTIONS}
    assert sorted(itertools.chain(*parts.values())) == list(range(2000))
    for part, share in FRACTIONS.items():
        assert parts[part] == sorted(parts[part])
        assert abs(len(parts[part]) - 2000 * share) < 5 * np.sqrt(2000 * share * (1 - share))


def test_split_is_stable():
    order = np.random.default_rng(0).permutation(3000).tolist()
    for part in FRACTIONS:
        there = set(numbers_of(part, order))
        assert there & set(range(2000)) == set(numbers_of(part))


def test_integer_keys_and_salt():
    texts = tf.data.Dataset.range(300).map(lambda number: {"id": tf.strings.join(["a", tf.strings.as_string(number)])})
    found = texts.apply(hash_split("test", FRACTIONS, lambda example: example["id"]))
    assert [int(example["id"][1:]) for example in found.as_numpy_iterator()] == numbers_of("test", range(300), salt="a")
    assert numbers_of("test", range(300)) != numbers_of("test", range(300), salt="a")


def test_equal_keys_share_a_part():
    patients = np.arange(500) % 20
    visits = tf.data.Dataset.from_tensor_slices((np.arange(500), patients))
    seen = [
        {int(patient) for _, patient in visits.apply(hash_split(part, FRACTIONS, lambda _, patient: patient))}
        for part in FRACTIONS
    ]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 20


def test_fractions_of_zero_and_one():
    numbers = tf.data.Dataset.range(50)
    for part, count in {"none": 0, "all": 50, "rest": 0}.items():
        split = hash_split(part, {"none": 0, "all": 1, "rest": 0}, lambda number: number)
        assert len(list(numbers.apply(split))) == count


@pytest.mark.usefixtures("without_source")
@pytest.mark.parametrize(
    ("part", "fractions", "key", "name"),
    [
        ("tset", FRACTIONS, lambda number: number, "part"),
        ("a", {}, lambda number: number, "fractions"),
        ("a", {"a": 0.5, "b": 0.4}, lambda number: number, "fractions"),
        ("a", {"a": 1.5, "b": -0.5}, lambda number: number, "fractions['a']"),
        ("test", FRACTIONS, lambda number: tf.cast(number, tf.float32), "key"),
        ("test", FRACTIONS, lambda number: number[None], "key"),
    ],
)
def test_bad_arguments(part, fractions, key, name):
    with raises_argument_error(name):
        tf.data.Dataset.range(3).apply(hash_split(part, fractions, key))
