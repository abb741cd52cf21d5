"""Tests of pruning: the choice and number of weights, and that they stay zero."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import prune_by_magnitude
from tensorsmith.layers.constraints import PruningMask
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def model():
    constraint = keras.constraints.MaxNorm(0.5)
    layers = [keras.layers.Dense(10, "relu", kernel_constraint=constraint), keras.layers.Dense(4)]
    made = keras.Sequential([keras.Input((20,)), *layers])
    made.layers[0].kernel.assign(RNG.normal(size=(20, 10)))
    made.layers[1].kernel.assign(5 * RNG.normal(size=(10, 4)))
    return made


def kernels(pruned):
    return [layer.kernel.numpy() for layer in pruned.layers]


@pytest.mark.parametrize("sparsity", [0, 0.3, 0.9])
def test_pruning_by_layer(sparsity):
    pruned = model()
    before = kernels(pruned)
    masks = prune_by_magnitude(pruned, sparsity)
    assert set(masks) == {layer.kernel.path for layer in pruned.layers}
    for old, new, mask in zip(before, kernels(pruned), masks.values(), strict=True):
        limit = np.quantile(np.abs(old), sparsity)
        np.testing.assert_array_equal(new, np.where(np.abs(old) < limit, 0, old))
        np.testing.assert_array_equal(mask, new != 0)


def test_global_pruning():
    pruned = model()
    before = kernels(pruned)
    masks = prune_by_magnitude(pruned, 0.5, scope="global")
    limit = np.median(np.abs(np.concatenate([kernel.ravel() for kernel in before])))
    for old, new in zip(before, kernels(pruned), strict=True):
        np.testing.assert_array_equal(new, np.where(np.abs(old) < limit, 0, old))
    first, second = (mask.mean() for mask in masks.values())
    assert first < 0.5 < second  # the weights of the second layer are larger


def test_pruning_equal_weights():
    layer = keras.layers.Dense(10, kernel_initializer="ones")
    layer.build((None, 10))
    prune_by_magnitude(layer, 0.33)
    assert np.count_nonzero(layer.kernel) == 67


@pytest.mark.parametrize("loop", ["fit", "fit after fit", "own"])
def test_training_after_pruning(loop):
    pruned = model()
    x, y = RNG.normal(size=(64, 20)).astype("float32"), RNG.normal(size=(64, 4)).astype("float32")
    optimizer = keras.optimizers.Adam(0.01)
    pruned.compile(optimizer, "mse", jit_compile=False)
    if loop == "fit after fit":
        pruned.fit(x, y, verbose=0)
    masks = prune_by_magnitude(pruned, 0.8)
    before = kernels(pruned)
    if loop == "own":

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((pruned(x, training=True) - y) ** 2)
            optimizer.apply(tape.gradient(loss, pruned.trainable_weights), pruned.trainable_weights)

        for _ in range(4):
            step()
    else:
        pruned.fit(x, y, epochs=2, verbose=0)
    for old, new, mask in zip(before, kernels(pruned), masks.values(), strict=True):
        np.testing.assert_array_equal(new[~mask], 0)
        assert np.all(new[mask] != old[mask])
    assert np.linalg.norm(kernels(pruned)[0], axis=0).max() < 0.501


def test_repeated_pruning(tmp_path):
    pruned = model()
    prune_by_magnitude(pruned, 0.5)
    masks = prune_by_magnitude(pruned, 0.75)
    assert [np.count_nonzero(kernel) for kernel in kernels(pruned)] == [50, 10]
    pruned.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for old, new in zip(masks.values(), prune_by_magnitude(loaded, 0.75).values(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_sparsity_increases_in_a_traced_function():
    """Tests that masks of a further call apply to a function that was traced before, whose weights would grow again."""
    pruned, traces = model(), []
    prune_by_magnitude(pruned, 0.0)
    x, y = RNG.normal(size=(64, 20)).astype("float32"), RNG.normal(size=(64, 4)).astype("float32")
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(pruned.trainable_weights)

    @tf.function
    def step():
        traces.append(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((pruned(x, training=True) - y) ** 2)
        optimizer.apply(tape.gradient(loss, pruned.trainable_weights), pruned.trainable_weights)

    for sparsity in (0.0, 0.5, 0.75):
        prune_by_magnitude(pruned, sparsity)
        step()
        assert [np.mean(kernel == 0) for kernel in kernels(pruned)] == [sparsity, sparsity]
    assert len(traces) == 1


def test_mask_serialization():
    mask = PruningMask(RNG.random((3, 4)) < 0.5, "non_neg")
    counterpart = keras.constraints.deserialize(keras.constraints.serialize(mask))
    w = RNG.normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(counterpart(w), mask(w))
    np.testing.assert_array_equal(mask(w), np.maximum(w, 0) * mask.mask.numpy())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"sparsity": 1.0}, {"name": "sparsity", "expected": "in [0, 1)"}),
        ({"sparsity": "half"}, {"name": "sparsity", "expected": "in [0, 1)"}),
        ({"sparsity": 0.5, "scope": "model"}, {"name": "scope", "expected": "'layer' or 'global'"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        prune_by_magnitude(model(), **arguments)


def test_models_without_kernels_are_rejected():
    with raises_argument_error("model", expected="a built model with trainable kernels"):
        prune_by_magnitude(keras.Sequential([keras.Input((3,)), keras.layers.ReLU()]), 0.5)


def test_duplicate_weight_paths():
    class Ensemble(keras.Model):
        def __init__(self):
            super().__init__()
            self.members = [self.member() for _ in range(2)]

        def member(self):
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="dense")], name="member")

        def call(self, x):
            return self.members[0](x) + self.members[1](x)

    ensemble = Ensemble()
    ensemble(np.ones((1, 3)))
    with raises_argument_error(
        "model", received="2 weights with the path 'member/dense/kernel'", expected="have weights with distinct paths"
    ):
        prune_by_magnitude(ensemble, 0.5)
    assert all(np.count_nonzero(weight) == 12 for weight in ensemble.trainable_weights if len(weight.shape) == 2)
    for member in ensemble.members:  # the remedy of the error message
        prune_by_magnitude(member, 0.5)
    assert [np.count_nonzero(member.layers[0].kernel) for member in ensemble.members] == [6, 6]
