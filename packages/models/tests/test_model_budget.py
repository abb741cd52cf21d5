"""Tests of model budgets against the arithmetic of textbooks and published numbers."""

import keras
import numpy as np
import pytest
from keras import layers

from tensorsmith.layers import LSTM, MultiHeadAttention, ResidualUnit
from tensorsmith.models import mobilenet_v2, model_budget, resnet, vit
from tensorsmith.testing import raises_argument_error


def sequential(input_shape, *parts):
    return keras.Sequential([keras.Input(input_shape), *parts])


def test_single_convolution():
    """Géron, 2019, chapter 14: 5 x 5 filters, 200 maps of 150 x 100, 3 channels; and the equivalent dense layer."""
    budget = model_budget(sequential((150, 100, 3), layers.Conv2D(200, 5, padding="same")))
    assert budget.parameters == (5 * 5 * 3 + 1) * 200 == 15_200
    assert budget.multiplications == 225_000_000
    assert budget.layers[0].output_bytes == 96_000_000 // 8
    assert 100 * budget.layers[0].output_bytes == 1_200_000_000
    dense = sequential((5, 5, 3), layers.Flatten(), layers.Dense(200))
    assert model_budget(dense).multiplications * 150 * 100 == 225_000_000
    # A dense layer of 150 x 100 units for these images has 675 million weights: 10,000 times as many as this one.
    connected = model_budget(sequential((15, 10, 3), layers.Flatten(), layers.Dense(15 * 10, use_bias=False)))
    assert 10_000 * connected.parameters == 10_000 * connected.multiplications == 675_000_000


def test_three_convolutions():
    """Géron, 2019, chapter 14, exercise 2, whose solution counts 4 bytes per value, and rounds."""
    convolutions = [layers.Conv2D(filters, 3, 2, "same") for filters in (100, 200, 400)]
    budget = model_budget(sequential((200, 300, 3), *convolutions))
    assert [layer.parameters for layer in budget.layers] == [2800, 180_200, 720_400]
    assert budget.parameters == 903_400
    assert [layer.output_shape for layer in budget.layers] == [((100, 150, 100),), ((50, 75, 200),), ((25, 38, 400),)]
    assert [layer.output_bytes for layer in budget.layers] == [6_000_000, 3_000_000, 1_520_000]
    assert budget.inference_bytes == 9_000_000 + 4 * 903_400  # 12.6 MB
    # 525 + 36 + 3.6 MB, with 1.5 MB instead of 1.52 for the last layer.
    assert budget.training_bytes(50) == 50 * (10_520_000 + 720_000) + 4 * 903_400


def test_dense_and_recurrent_layers():
    """Géron, 2019, chapters 14 and 15: 10 million connections, a linear model and a recurrent layer of one unit."""
    assert model_budget(sequential((100 * 100,), layers.Dense(1000, use_bias=False))).multiplications == 10_000_000
    assert model_budget(sequential((50, 1), layers.Flatten(), layers.Dense(1))).parameters == 51
    recurrent = model_budget(sequential((50, 1), layers.SimpleRNN(1)))
    assert recurrent.parameters == 3
    assert recurrent.multiplications is None  # its loop is not counted
    assert model_budget(sequential((50, 1), LSTM(2))).multiplications is None
    assert "an unknown number of multiplications" in str(recurrent)


@pytest.mark.parametrize(
    ("padding", "size", "kernel", "strides", "expected"), [("same", 13, 6, 5, 3), ("valid", 13, 6, 5, 2)]
)
def test_output_sizes(padding, size, kernel, strides, expected):
    """Géron, 2019, figure 14-7."""
    budget = model_budget(sequential((size, size, 1), layers.Conv2D(1, kernel, strides, padding)))
    assert budget.layers[0].output_shape == ((expected, expected, 1),)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        (lambda: resnet("18"), 1.814e9),
        (lambda: resnet("34", classes=None), 3.6e9),
        (lambda: mobilenet_v2(), 300e6),
    ],
    ids=["resnet18", "resnet34", "mobilenet_v2"],
)
def test_published_multiplications(model, published):
    """ResNets: He et al., 2016, table 1 (1.8 and 3.6 billion); MobileNetV2: Sandler et al., 2018, table 4 (300 M)."""
    assert model_budget(model()).multiplications == pytest.approx(published, rel=0.02)


def test_transformer():
    """Counts the products of a block: projections of tokens, attention between all of them, and dense layers."""
    tokens, width = 17, 24
    model = vit("tiny", (32, 32, 3), classes=None, width=0.125, patch_size=8, blocks=1)
    patches = 16 * (8 * 8 * 3) * width
    attention = 4 * tokens * width**2 + 2 * tokens**2 * width
    assert model_budget(model).multiplications == patches + attention + 2 * tokens * width * 4 * width


def test_products_within_layers():
    """Compares the count for layers with several products, with Keras' own attention and with transposed kernels."""
    inputs = keras.Input((6, 8))
    ours = model_budget(keras.Model(inputs, MultiHeadAttention(2, 4)(inputs, inputs))).multiplications
    keras_layer = layers.MultiHeadAttention(2, 4)
    assert ours == model_budget(keras.Model(inputs, keras_layer(inputs, inputs))).multiplications
    assert ours == 4 * 6 * 8 * 8 + 2 * 6 * 6 * 8
    unit = model_budget(sequential((8, 8, 4), ResidualUnit(16, strides=2)))
    assert unit.multiplications == 16 * (9 * 4 * 16 + 9 * 16 * 16 + 4 * 16)
    assert unit.layers[0].activation_bytes == 4 * 4 * 4 * 16 * 3  # of two inner convolutions and the output
    upsampling = layers.Conv2DTranspose(5, 2, 2)
    assert model_budget(sequential((4, 4, 3), upsampling)).multiplications == 8 * 8 * 3 * 5
    separable = layers.SeparableConv2D(5, 3, padding="same")
    assert model_budget(sequential((4, 4, 3), separable)).multiplications == 16 * (9 * 3 + 3 * 5)


def test_nested_and_shared_layers():
    dense = layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), dense], name="inner")
    inputs = keras.Input((4,), name="features")
    model = keras.Model(inputs, layers.Add(name="sum")([dense(inner(inputs)), inputs]))
    layers_before = [layer.name for layer in model.layers]
    budget = model_budget(model)
    assert [(layer.name, layer.parameters) for layer in budget.layers] == [
        ("inner/shared", 20),
        ("shared", 0),  # counted once
        ("sum", 0),
    ]
    assert (budget.parameters, budget.multiplications) == (20, 32)
    assert [layer.name for layer in model.layers] == layers_before
    np.testing.assert_equal(model(np.ones((2, 4))).shape, (2, 4))


def test_unknown_sizes():
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    with raises_argument_error("input_shape", received="(None, None, 3)", expected="without unknown dimensions"):
        model_budget(model)
    with raises_argument_error("input_shape", received="(8, 8, 1)", expected="compatible with (None, None, 3)"):
        model_budget(model, (8, 8, 1))
    assert model_budget(model, (8, 8, 3)).multiplications == 36 * 27 * 2


def test_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        budget = model_budget(sequential((4,), layers.Dense(8)))
    finally:
        keras.config.set_dtype_policy(before)
    assert (budget.layers[0].output_bytes, budget.parameter_bytes) == (16, 4 * 40)


def test_other_models():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with raises_argument_error("model", received="a model with 0 inputs", expected="a built model with one input"):
        model_budget(Subclassed())


def test_table():
    text = str(model_budget(sequential((4,), layers.Dense(8, name="hidden"))))
    assert text.splitlines()[1].split() == ["hidden", "Dense", "8", "40", "32", "32", "bytes"]
    assert "40 parameters, 32 multiplications per example" in text
