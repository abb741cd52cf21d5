"""Tests that streams resume from each saved position, in all epochs."""

import functools

import keras
import pytest
import tensorflow as tf

from tensorsmith.training.inputs.autotuning import without_autotuning
from tensorsmith.training.inputs.streams import StreamSource
from tensorsmith.training.loop.dataset_graph import repeats_itself, restores_exactly
from tensorsmith.training.loop.loops import Loops

Dataset = tf.data.Dataset
PIPELINES = {
    "plain": lambda: Dataset.range(12).batch(3),
    "small shuffle": lambda: Dataset.range(12).shuffle(4, seed=1).batch(3),
    "whole shuffle": lambda: Dataset.range(12).shuffle(100, seed=1).batch(3).prefetch(2),
    "two shuffles": lambda: Dataset.range(12).shuffle(5, seed=1).map(lambda x: x + 1).shuffle(3, seed=2).batch(3),
    "fixed shuffle": lambda: Dataset.range(12).shuffle(5, seed=1, reshuffle_each_iteration=False).batch(3),
    "cache": lambda: Dataset.range(12).cache().shuffle(5, seed=1).batch(3),
    "cached shuffle": lambda: Dataset.range(12).shuffle(5, seed=1).cache().batch(3),
    "checks": lambda: Dataset.range(12).map(lambda x: tf.debugging.check_numerics(x / 1, "")).batch(3),
    "interleave": lambda: (
        Dataset.range(4)
        .interleave(lambda i: Dataset.range(3 * i, 3 * i + 3), cycle_length=2, num_parallel_calls=2)
        .shuffle(5, seed=1)
        .batch(3)
    ),
    "shuffled files": lambda: (
        Dataset.range(4)
        .shuffle(4, seed=1)
        .interleave(lambda i: Dataset.range(3 * i, 3 * i + 3), num_parallel_calls=2)
        .shuffle(5, seed=1)
        .batch(3)
    ),
    "deep shuffle": lambda: (
        Dataset.range(14).shuffle(5, seed=1).skip(1).filter(lambda x: x != 5).map(tf.abs, 2).batch(3).prefetch(1)
    ),
    "zipped shuffles": lambda: (
        Dataset.zip(Dataset.range(12).shuffle(5, seed=1), Dataset.range(12).shuffle(3, seed=2))
        .map(lambda x, y: x * y)
        .batch(3)
    ),
    "shuffled part": lambda: Dataset.range(6).concatenate(Dataset.range(6, 12).shuffle(3, seed=1)).batch(3),
    "inner shuffle": lambda: (
        Dataset.range(4).flat_map(lambda i: Dataset.range(3 * i, 3 * i + 3).shuffle(2, seed=i)).batch(3)
    ),
    "repeated shuffle": lambda: Dataset.range(6).shuffle(5, seed=1).repeat(2).batch(3),
    "shuffled repetition": lambda: Dataset.range(6).repeat(2).shuffle(5, seed=1).batch(3),
    "python": lambda: (
        Dataset.from_generator(lambda: iter(range(12)), output_signature=tf.TensorSpec((), tf.int64))
        .shuffle(5, seed=1)
        .batch(3)
    ),
}

SEVERAL_WAYS = ("cache", "interleave", "two shuffles")  # of storing a position


@functools.cache
def loops():
    """Returns loops that are traced once for all sources."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    return Loops(model, model, {"train": lambda batch: {"sum": tf.reduce_sum(batch[0] ** 2)}})


class Epochs:
    """A source and the content of its batches, by epoch."""

    def __init__(self, name):
        dataset = PIPELINES[name]().map(lambda x: (x,))
        self.source = StreamSource(dataset, next(iter(dataset)))
        self.source.compile(loops(), "train", jit=False)

    def rest_of(self, step=0):
        found = []
        while (done := self.source.run(step, 1))[0]:
            found.append(int(done[1]["sum"]))
            step += 1
        return found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SEVERAL_WAYS else pytest.mark.slow) for name in PIPELINES]
)
def test_resume_at_every_position(name, tmp_path):
    tf.random.set_seed(7)  # only once, because it invalidates the traced loop
    whole = Epochs(name)
    expected = []
    for epoch in range(3):
        whole.source.begin(epoch)
        expected.append(whole.rest_of())
    saving = Epochs(name)
    for epoch in range(2):
        saving.source.begin(epoch)
        saving.source.save(tmp_path / f"{epoch}-0", under_way=True)
        found = []
        for step in range(1, 5):
            found.append(int(saving.source.run(step - 1, 1)[1]["sum"]))
            saving.source.save(tmp_path / f"{epoch}-{step}", under_way=True)
        assert found == expected[epoch]  # saving has no side effects
        saving.source.save(tmp_path / f"{epoch + 1}-None", under_way=False)
    for epoch in range(2):
        for step in range(5):
            resumed = Epochs(name)
            resumed.source.restore(tmp_path / f"{epoch}-{step}", epoch, step)
            assert resumed.rest_of(step) == expected[epoch][step:]
            resumed.source.begin(epoch + 1)
            assert resumed.rest_of() == expected[epoch + 1]
        between = Epochs(name)
        between.source.restore(tmp_path / f"{epoch + 1}-None", epoch + 1, None)
        between.source.begin(epoch + 1)
        assert between.rest_of() == expected[epoch + 1]


@pytest.mark.parametrize("name", PIPELINES)
def test_exactly_restorable_pipelines(name):
    late = {
        "two shuffles", "shuffled files", "shuffled part", "repeated shuffle", "cached shuffle", "inner shuffle"
    }  # fmt: skip
    assert restores_exactly(PIPELINES[name]()) == (name not in late)


def test_reproducible_pipelines():
    tf.random.set_seed(3)
    assert repeats_itself(Dataset.range(12).shuffle(5).batch(3))  # the global seed is sufficient
    tf.random.set_seed(None)
    assert repeats_itself(Dataset.range(12).shuffle(5, seed=0).batch(3))
    assert not repeats_itself(Dataset.range(12).shuffle(5).batch(3))
    options = tf.data.Options()
    options.deterministic = False
    assert not repeats_itself(Dataset.range(12).with_options(options))


def test_autotuning():
    dataset = Dataset.range(12).batch(3).prefetch(tf.data.AUTOTUNE)
    assert without_autotuning(dataset).options().autotune.enabled is False
    options = tf.data.Options()
    options.autotune.enabled = True
    options.deterministic = True
    assert without_autotuning(dataset.with_options(options)).options() == options  # the choice of the user
    options = tf.data.Options()
    options.deterministic = False
    options.autotune.cpu_budget = 1
    changed = without_autotuning(dataset.with_options(options)).options()
    assert (changed.deterministic, changed.autotune.cpu_budget, changed.autotune.enabled) == (False, 1, False)
