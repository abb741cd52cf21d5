"""Tests that models with folded batch normalization compute the same outputs."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import fold_batch_normalization

pytestmark = pytest.mark.pairwise

RNG = np.random.default_rng(0)
LAYERS = keras.layers
IMAGES = RNG.normal(size=(3, 8, 9, 2)).astype("float32")


def normalization(**options):
    return LAYERS.BatchNormalization(epsilon=0.01, **options)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers if not isinstance(layer, LAYERS.InputLayer)]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LAYERS.Dense(4), (5,)),
        (LAYERS.Dense(4, use_bias=False), (3, 5)),
        (LAYERS.Conv1D(4, 3, use_bias=False), (7, 2)),
        (LAYERS.Conv2D(4, 3, padding="same", strides=2), (8, 9, 2)),
        (LAYERS.Conv2D(4, 3, groups=2, use_bias=False), (8, 9, 2)),
        (LAYERS.Conv3D(2, 2), (4, 4, 4, 2)),
        (LAYERS.DepthwiseConv1D(3, depth_multiplier=2), (7, 2)),
        (LAYERS.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), (8, 9, 2)),
        (LAYERS.SeparableConv1D(4, 3, depth_multiplier=2), (7, 2)),
        (LAYERS.SeparableConv2D(4, 3, padding="same", use_bias=False), (8, 9, 2)),
        (LAYERS.Conv1DTranspose(4, 3), (7, 2)),
        (LAYERS.Conv2DTranspose(4, 3, strides=2, padding="same", use_bias=False), (8, 9, 2)),
        (LAYERS.Conv3DTranspose(2, 2), (4, 4, 4, 2)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}], ids=str)
def test_folded_layer_outputs(layer, shape, options, scrambled):
    layer = type(layer).from_config(layer.get_config())
    model = scrambled(keras.Sequential([keras.Input(shape), layer, normalization(**options)]))
    before = [weight.numpy() for weight in model.weights]
    folded = fold_batch_normalization(model)
    assert kinds(folded) == [type(layer).__name__]
    x = RNG.normal(size=(3, *shape)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5, atol=1e-5)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_unfoldable_layers_are_unchanged(scrambled):
    inputs = keras.Input((8, 9, 2))
    x = LAYERS.ReLU()(normalization()(LAYERS.Conv2D(4, 3, padding="same")(inputs)))  # folded
    branching = LAYERS.Conv2D(4, 1)(x)
    x = normalization()(branching) + branching  # has another consumer
    x = normalization()(LAYERS.Conv2D(4, 1, activation="relu")(x))  # an activation in between
    x = normalization(axis=1)(LAYERS.Conv2D(4, 1)(x))  # over another axis
    shared = LAYERS.Conv2D(4, 1)
    x = normalization()(shared(x)) + normalization()(shared(x))  # called twice
    last = LAYERS.Conv2D(3, 1)(x)
    model = scrambled(keras.Model(inputs, [normalization()(last), last]))  # also an output of the model
    folded = fold_batch_normalization(model)
    assert kinds(model).count("BatchNormalization") == 7
    assert kinds(folded).count("BatchNormalization") == 6
    for one, other in zip(folded(IMAGES), model(IMAGES), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)


def test_nested_models_are_folded(scrambled):
    inner = keras.Sequential([keras.Input((8, 9, 2)), LAYERS.Conv2D(2, 3, padding="same"), normalization()])
    inputs = keras.Input((8, 9, 2))
    model = scrambled(keras.Model(inputs, normalization()(LAYERS.Dense(3)(inner(inner(inputs))))))
    folded = fold_batch_normalization(model)
    assert kinds(folded) == ["Sequential", "Dense"]
    assert kinds(folded.layers[1]) == ["Conv2D"]
    np.testing.assert_allclose(folded(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-5)


def test_shared_layer_is_not_folded(scrambled):
    shared = LAYERS.Dense(2)
    inner = keras.Sequential([keras.Input((2,)), shared])
    inputs = keras.Input((2,))
    model = scrambled(keras.Model(inputs, inner(normalization()(shared(inputs)))))
    folded = fold_batch_normalization(model)
    x = RNG.normal(size=(3, 2)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5)


def test_normalization_in_training_mode_is_not_folded(scrambled):
    inner = keras.Sequential([keras.Input((3,)), LAYERS.Dense(3), normalization()])
    inputs = keras.Input((5,))
    x = normalization()(LAYERS.Dense(3)(inputs), training=True)
    x = inner(x, training=True)
    model = scrambled(keras.Model(inputs, normalization()(LAYERS.Dense(3)(x), training=False)))
    folded = fold_batch_normalization(model)
    assert kinds(folded) == ["Dense", "BatchNormalization", "Sequential", "Dense"]
    assert kinds(folded.layers[3]) == ["Dense", "BatchNormalization"]
    x = RNG.normal(size=(8, 5)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5, atol=1e-5)


def test_lora_layer_is_not_folded(scrambled):
    dense = LAYERS.Dense(3)
    model = keras.Sequential([keras.Input((5,)), dense, normalization()])
    dense.enable_lora(2)
    folded = fold_batch_normalization(scrambled(model))
    assert kinds(folded) == ["Dense", "BatchNormalization"]
    x = RNG.normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5)
