"""Tests that converted classifiers give a map of the outputs for windows of an image."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import (
    GatedActivationUnit,
    LayerNormalization,
    LearnableExponential,
    Maxout,
    RBFOutput,
    ResidualDense,
    RMSNormalization,
    Sparsemax,
    to_convolutional,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
LAYERS = keras.layers


def images(size=3, height=8, width=9):
    return RNG.normal(size=(size, height, width, 2)).astype("float32")


def classifier(flatten):
    """Returns a classifier of images of 12 by 14 pixels, without padding."""
    inner = keras.Sequential([keras.Input((12, 14, 2)), LAYERS.Conv2D(3, 3, activation="relu"), LAYERS.MaxPool2D(2)])
    x = inputs = keras.Input((12, 14, 2))
    x = LAYERS.BatchNormalization()(inner(x))
    x = LAYERS.Dropout(0.5)(LAYERS.Flatten()(x)) if flatten else LAYERS.GlobalAveragePooling2D()(x)
    x = LAYERS.Dense(9, "relu", use_bias=False)(x)
    return keras.Model(inputs, [LAYERS.Dense(4, "softplus")(x), LAYERS.Dense(1)(x)])


@pytest.mark.parametrize("flatten", [True, False])
def test_outputs_match_sliding_windows(flatten, scrambled):
    model = scrambled(classifier(flatten))
    copy = to_convolutional(model)
    assert not {"Dense", "Flatten", "GlobalAveragePooling2D"} & {type(layer).__name__ for layer in copy.layers}
    small, large = images(height=12, width=14), images(height=16, width=20)
    for one, other in zip(copy(small), model(small), strict=True):
        np.testing.assert_allclose(one[:, 0, 0], other, rtol=1e-4)
    found = copy(large)
    assert found[0].shape == (3, 3, 4, 4)  # windows 2 apart: 1 + (16 - 12) / 2 and 1 + (20 - 14) / 2
    for row in range(3):
        for column in range(4):
            window = large[:, 2 * row : 2 * row + 12, 2 * column : 2 * column + 14]
            for one, other in zip(found, model(window), strict=True):
                np.testing.assert_allclose(one[:, row, column], other, rtol=1e-4)


def test_dense_layers_with_equal_input_size(scrambled):
    """The second dense layer has as many inputs as the first one.

    It must become a convolution with a kernel size of 1 nevertheless.
    """
    layers = [LAYERS.Conv2D(2, 3), LAYERS.Flatten(), LAYERS.Dense(12), LAYERS.ReLU(), LAYERS.Dense(3)]
    model = scrambled(keras.Sequential([keras.Input((4, 5, 2)), *layers]))
    copy = to_convolutional(model)
    assert [layer.kernel_size for layer in copy.layers if isinstance(layer, LAYERS.Conv2D)] == [(3, 3), (2, 3), (1, 1)]
    x = images(height=4, width=5)
    np.testing.assert_allclose(copy(x)[:, 0, 0], model(x), rtol=1e-5)


def test_output_shape_of_larger_images():
    """Images of 224 pixels have a feature map of 7 by 7, and images of 448 pixels one of 14 by 14.

    Ten filters of 7 by 7 have 8 by 8 positions in the larger map.
    """
    pool = LAYERS.AveragePooling2D(32)
    model = keras.Sequential([keras.Input((224, 224, 1)), pool, LAYERS.Flatten(), LAYERS.Dense(10)])
    assert to_convolutional(model).compute_output_shape((1, 448, 448, 1)) == (1, 8, 8, 10)


def test_models_without_images_are_rejected():
    for layers, parts in (
        ([keras.Input((8, 8, 1)), LAYERS.Conv2D(1, 3)], {"expected": "dense layers"}),
        ([keras.Input((8, 2)), LAYERS.Flatten(), LAYERS.Dense(2)], {"remedy": "images of known shape"}),
    ):
        with raises_argument_error("model", **parts):
            to_convolutional(keras.Sequential(layers))


def window_by_window(model, large, rows, columns, stride=1):
    """Returns the outputs of the model for windows of the size of its input, as a map."""
    height, width = model.input_shape[1:3]
    windows = [
        [large[:, top : top + height, left : left + width] for left in range(0, columns * stride, stride)]
        for top in range(0, rows * stride, stride)
    ]
    return np.stack([np.stack([model(window) for window in row], 1) for row in windows], 1)


FLATTEN, DENSE, POOL = LAYERS.Flatten, (lambda: LAYERS.Dense(4)), LAYERS.GlobalAveragePooling2D


@pytest.mark.parametrize(
    "makers",
    [
        (POOL, DENSE),
        (LAYERS.GlobalMaxPooling2D, DENSE),
        (POOL, FLATTEN, DENSE),
        (lambda: LAYERS.GlobalMaxPooling2D(keepdims=True), FLATTEN, DENSE),
        (FLATTEN, FLATTEN, DENSE, LAYERS.ReLU, FLATTEN, DENSE),
        (FLATTEN, lambda: LAYERS.Activation("tanh"), DENSE, LAYERS.BatchNormalization, LAYERS.Softmax),
        (FLATTEN, lambda: LAYERS.Dense(4, "softmax"), DENSE),
    ],
    ids=["mean", "max", "pool and flatten", "kept axes", "flatten twice", "activation", "softmax"],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_classifier_heads(makers, data_format, scrambled):
    before = keras.config.image_data_format()
    layers = [LAYERS.Conv2D(3, 3), *(maker() for maker in makers)]
    model = scrambled(keras.Sequential([keras.Input((5, 6, 2)), *layers]))
    keras.config.set_image_data_format(data_format)  # the setting must not affect the copy
    try:
        copy = to_convolutional(model)
    finally:
        keras.config.set_image_data_format(before)
    large = images(height=7, width=7)
    np.testing.assert_allclose(copy(large), window_by_window(model, large, 3, 2), rtol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LAYERS.Activation("softmax"),
        LAYERS.BatchNormalization,
        LAYERS.LayerNormalization,
        lambda: LAYERS.Rescaling([1.0, 2.0, 3.0, 4.0], 0.5),
        LAYERS.RMSNormalization,
        LAYERS.Softmax,
        LAYERS.UnitNormalization,
        GatedActivationUnit,
        LayerNormalization,
        LearnableExponential,
        lambda: Maxout(2),
        lambda: RBFOutput(3),
        lambda: ResidualDense(3),
        RMSNormalization,
        Sparsemax,
    ],
)
def test_layers_along_the_last_axis(make, scrambled):
    layers = [LAYERS.Conv2D(2, 3), FLATTEN(), LAYERS.Dense(4), make()]
    model = scrambled(keras.Sequential([keras.Input((5, 6, 2)), *layers]))
    model.layers[-2].kernel.assign(RNG.normal(0, 0.1, model.layers[-2].kernel.shape))
    large = images(height=7, width=7)
    found, expected = to_convolutional(model)(large), window_by_window(model, large, 3, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


OPERATIONS = {
    "add": lambda x: x + np.arange(4.0, dtype="float32"),
    "subtract": lambda x: 1 - x,
    "multiply": lambda x: x * x,
    "divide": lambda x: x / 2,
    "power": lambda x: x**2,
    "negative": lambda x: -x,
    "relu": keras.ops.relu,
    "softmax": keras.activations.softmax,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_elementwise_operations(operation, scrambled):
    inputs = keras.Input((5, 6, 2))
    x = LAYERS.Dense(4)(FLATTEN()(LAYERS.Conv2D(2, 3)(inputs)))
    model = scrambled(keras.Model(inputs, operation(x / 20)))
    large = images(height=7, width=7)
    found, expected = to_convolutional(model)(large), window_by_window(model, large, 3, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_branches_with_add_and_concatenate(scrambled):
    inputs = keras.Input((5, 6, 2))
    first, second = (FLATTEN()(LAYERS.Conv2D(3, 3)(inputs)) for _ in range(2))
    x = LAYERS.Concatenate()([LAYERS.Dense(4)(LAYERS.Add()([first, second])), LAYERS.Dense(2)(second)])
    model = scrambled(keras.Model(inputs, LAYERS.Dense(3)(x) + 1.0))
    large = images(height=7, width=7)
    found, expected = to_convolutional(model)(large), window_by_window(model, large, 3, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def two_maps(join, first=FLATTEN, second=FLATTEN):
    inputs = keras.Input((8, 8, 2))
    x = join(name="culprit")([first()(LAYERS.Conv2D(2, 3)(inputs)), second()(LAYERS.Conv2D(2, 3)(inputs))])
    return keras.Model(inputs, LAYERS.Dense(3)(x))


def with_a_vector():
    inputs, vector = keras.Input((8, 8, 2)), keras.Input((5,))
    x = LAYERS.Concatenate(name="culprit")([LAYERS.Dense(3)(FLATTEN()(inputs)), vector])
    return keras.Model([inputs, vector], LAYERS.Dense(3)(x))


def after_flatten(layer):
    return keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(), layer, LAYERS.Dense(3)])


def after_dense(layer):
    return keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(), LAYERS.Dense(4), layer])


class FirstTwo(LAYERS.Layer):
    def call(self, x):
        return x[:, :2]


def after_operation(operation):
    inputs = keras.Input((8, 8, 2))
    return keras.Model(inputs, LAYERS.Dense(3)(operation(LAYERS.Dense(4)(FLATTEN()(inputs)))))


def products():
    inputs = keras.Input((8, 8, 2))
    x = FLATTEN()(inputs)
    return keras.Model(inputs, LAYERS.Dot(axes=1, name="culprit")([LAYERS.Dense(4)(x), LAYERS.Dense(4)(x)]))


def nested_flatten():
    inner = keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(name="culprit")])
    return keras.Sequential([keras.Input((8, 8, 2)), inner, LAYERS.Dense(3)])


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: two_maps(LAYERS.Concatenate), "after the dense layer"),
        (lambda: two_maps(LAYERS.Concatenate, POOL), "Combine the outputs of dense layers"),
        (with_a_vector, "Combine the outputs of dense layers"),
        (lambda: after_flatten(LAYERS.BatchNormalization(name="culprit")), "before Flatten, or after"),
        (lambda: after_flatten(LAYERS.Activation("softmax", name="culprit")), "before Flatten, or after"),
        (lambda: after_dense(LAYERS.Softmax(axis=1, name="culprit")), "axis=-1"),
        (lambda: after_dense(LAYERS.Reshape((2, 2), name="culprit")), "Exclude it"),
        (lambda: after_dense(LAYERS.GroupNormalization(2, name="culprit")), "Exclude it"),
        (lambda: after_dense(LAYERS.PReLU("ones", name="culprit")), "Exclude it"),
        (lambda: after_dense(FirstTwo(name="culprit")), "Exclude it"),
        (products, "Exclude it"),
        (nested_flatten, "to the same model"),
        (lambda: after_dense(keras.Sequential([LAYERS.Dense(2)], name="culprit")), "to the model itself"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 2)), LAYERS.Reshape((128,), name="culprit"), LAYERS.Dense(3)]),
            "Use Flatten or GlobalAveragePooling2D",
        ),
    ],
    ids=[
        *("joined maps", "joined with means", "joined with other inputs", "batch normalization", "softmax of a map"),
        *("another axis", "another shape", "groups", "slopes of each place", "a layer of one's own", "products"),
        "flattened in a nested model",
        *("vectors in a nested model", "reshaped"),
    ],
)
def test_unsupported_layers(make, remedy):
    with raises_argument_error("model", expected="contain only layers"):
        to_convolutional(make())


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda x: x[:, :2], "GetItem"),
        (lambda x: keras.ops.reshape(x, (-1, 4)), "Reshape"),
        (lambda x: keras.ops.flip(x, axis=1), "Flip"),
        (lambda x: keras.ops.softmax(x, axis=1), "Softmax"),
    ],
)
def test_unsupported_operations(operation, name):
    with raises_argument_error("model", received=f"a model whose {name}", expected="contain only layers"):
        to_convolutional(after_operation(operation))
