"""Tests of positional encodings against the formulas of the papers, element by element."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import LearnedPositionalEncoding, RotaryEmbedding, SinusoidalPositionalEncoding
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def waves(steps, features, wavelength):
    table = np.empty((steps, features))
    for p in range(steps):
        for j in range(features):
            angle = p / wavelength ** ((j - j % 2) / features)
            table[p, j] = math.cos(angle) if j % 2 else math.sin(angle)
    return table


@pytest.mark.parametrize(("steps", "features", "wavelength"), [(1, 1, 10000), (60, 8, 10000), (7, 5, 100), (3, 2, 7.5)])
def test_sinusoidal_encoding_formula(steps, features, wavelength):
    x = RNG.normal(size=(2, 3, steps, features))
    layer = SinusoidalPositionalEncoding(wavelength, dtype="float64")
    np.testing.assert_allclose(layer(x), x + waves(steps, features, wavelength), atol=1e-12)


@pytest.mark.parametrize(
    ("position", "sine", "cosine"), [(22, -0.4786, -0.8781), (35, -0.4718, 0.8817), (60, -0.4830, -0.8756)]
)
def test_sinusoidal_encoding_of_512_features(position, sine, cosine):
    """Printed values of the features 100 and 101: positions 22 and 60 are close in both, 22 and 35 only in one."""
    encoding = SinusoidalPositionalEncoding()(np.zeros((1, 61, 512), "float32"))
    np.testing.assert_allclose(encoding[0, position, 100:102], [sine, cosine], atol=6e-5)


def test_sinusoidal_encoding_in_bfloat16():
    layer = SinusoidalPositionalEncoding(dtype="mixed_bfloat16")
    for steps in (3, 5000):  # bfloat16 cannot represent all integers beyond 256
        y = keras.ops.cast(layer(np.zeros((1, steps, 6), "float32")), "float32")
        np.testing.assert_allclose(y[0], waves(steps, 6, 10000), atol=5e-3)


def test_shifted_encoding_is_rotation():
    """The encoding of p + k is a linear function of that of p, the motivation of the paper."""
    table = SinusoidalPositionalEncoding(dtype="float64")(np.zeros((1, 50, 6)))[0].numpy()
    matrix, residuals, *_ = np.linalg.lstsq(table[:-7], table[7:], rcond=None)
    assert residuals.max() < 1e-20
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(6), atol=1e-9)


def test_learned_encoding():
    layer = LearnedPositionalEncoding(9, embeddings_initializer="normal")
    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(layer(x) - x, np.tile(layer.table.numpy()[:4], (2, 1, 1)), atol=1e-6)
    assert layer.table.shape == (9, 3)


def test_sequence_longer_than_table():
    layer = LearnedPositionalEncoding(5)
    with raises_argument_error("inputs", expected="have at most 5 steps"):
        layer(np.zeros((2, 6, 3)))
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 3))])
    assert run(np.zeros((2, 5, 3), "float32")).shape == (2, 5, 3)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"inputs must have at most 5 steps, got\] \[6\] \[Increase"
    ):
        run(np.zeros((2, 6, 3), "float32"))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_single_row_table_is_not_broadcast(jit_compile):
    layer = LearnedPositionalEncoding(1)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 3))], jit_compile=jit_compile)
    np.testing.assert_allclose(run(np.zeros((2, 1, 3), "float32"))[:, 0], np.tile(layer.table, (2, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(np.zeros((2, 3, 3), "float32"))


@pytest.mark.parametrize("shape", [(2, 7, 6), (2, 7, 3, 4), (1, 5, 2, 3, 2)])
def test_rotary_embedding_matches_complex_products(shape):
    x = RNG.normal(size=shape)
    y = RotaryEmbedding(dtype="float64")(x).numpy()
    angles = np.arange(shape[1])[:, None] * 10000 ** (-np.arange(0, shape[-1], 2) / shape[-1])
    turned = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(
        1j * angles.reshape(-1, *[1] * (len(shape) - 3), shape[-1] // 2)
    )
    np.testing.assert_allclose(y[..., ::2], turned.real, atol=1e-12)
    np.testing.assert_allclose(y[..., 1::2], turned.imag, atol=1e-12)


def test_rotary_products_depend_on_distance():
    layer = RotaryEmbedding(dtype="float64")
    query, key = (layer(np.tile(RNG.normal(size=6), (1, 30, 1)))[0].numpy() for _ in range(2))
    products = query @ key.T
    for apart in (-4, 0, 9):
        diagonal = np.diagonal(products, apart)
        np.testing.assert_allclose(diagonal, diagonal[0])
    assert np.ptp(products) > 0.1


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (RotaryEmbedding(), (2, 7, 5), "have an even number of features"),
        (RotaryEmbedding(), (2, 7, None), "have an even number of features"),
        (SinusoidalPositionalEncoding(), (2, 7, None), "have a known number of features"),
        (LearnedPositionalEncoding(7), (2, 7, None), "have a known number of features"),
    ],
)
def test_invalid_features(layer, shape, message):
    with raises_argument_error("inputs", expected=message):
        layer.build(shape)
