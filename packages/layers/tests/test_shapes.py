"""Tests of the input shapes that layers require, and of edge cases."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import (
    ESN,
    TLU,
    EmbeddingBag,
    ESNCell,
    FilterResponseNormalization,
    Maxout,
    MaxUnpooling2D,
    MaxUnpooling2DV2,
    NetVLAD,
    NoisyDense,
    PoincareNormalize,
    PolynomialCrossing,
    SpatialPyramidPooling2D,
    StochasticDepth,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def test_filter_response_normalization_over_one_axis():
    x = 300 * RNG.normal(size=(2, 50, 3))  # squares overflow in float16
    expected = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(FilterResponseNormalization(axis=[1], dtype="float64")(x), expected, rtol=1e-9)
    half = FilterResponseNormalization(axis=[1], dtype="mixed_float16")(x)
    np.testing.assert_allclose(half, expected, atol=0.01)


def test_tlu_shared_axes():
    layer = TLU(tau_initializer="ones", shared_axes=[1, 2])
    assert layer(np.zeros((2, 4, 4, 3))).shape == (2, 4, 4, 3)
    assert layer.tau.shape == (1, 1, 3)


def test_poincare_normalize():
    x = tf.constant(np.concatenate([np.zeros((1, 3)), RNG.normal(size=(50, 3))]))
    layer = PoincareNormalize(epsilon=0.1, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    norms = np.linalg.norm(y, axis=1)
    inside = np.linalg.norm(x, axis=1) <= 0.9
    assert 1 < inside.sum() < 50
    np.testing.assert_array_equal(y.numpy()[inside], x.numpy()[inside])
    np.testing.assert_allclose(norms[~inside], 0.9)
    gradient = tape.gradient(y, x).numpy()
    np.testing.assert_array_equal(gradient[0], 1)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_poincare_normalize_in_half_precision(dtype):
    y = PoincareNormalize(dtype=dtype)(1000 * RNG.normal(size=(200, 5)).astype("float32"))
    norms = np.linalg.norm(keras.ops.convert_to_numpy(keras.ops.cast(y, "float64")), axis=1)
    assert norms.max() < 1
    assert norms.min() > 0.96


def test_stochastic_depth_survival_probability():
    layer = StochasticDepth(0.25, seed=1)
    one = keras.ops.ones((1, 2))
    kept = np.array([layer([one, one], training=True) for _ in range(400)]) - 1
    assert set(np.unique(kept)) == {0, 1}
    assert (kept[..., 0] == kept[..., 1]).all()
    np.testing.assert_allclose(kept.mean(), 0.25, atol=0.087)  # 4 standard errors, 4 sqrt(0.25 * 0.75 / 400)


def test_polynomial_crossing_kernels_differ():
    layer = PolynomialCrossing(2, kernel_initializer=keras.initializers.RandomNormal())
    layer.build([(None, 4), (None, 4)])
    first, second = (kernel.numpy() for kernel in layer.kernels)
    assert np.any(first.ravel() != second.ravel())


@pytest.mark.parametrize(("size", "padding"), [((6, 8), "SAME"), ((6, 8), "VALID"), ((5, 7), "SAME")])
def test_unpooling_restores_maxima(size, padding):
    x = tf.constant(RNG.permuted(np.arange(1.0, 2 * size[0] * size[1] * 3 + 1)).reshape((2, *size, 3)), tf.float32)
    maxima, positions = tf.nn.max_pool_with_argmax(x, 2, 2, padding)
    fits = size[0] % 2 == 0
    layer = MaxUnpooling2D(padding=padding.lower()) if fits else MaxUnpooling2DV2((2, *size, 3))
    found = layer(maxima, positions).numpy()
    assert found.shape == x.shape
    kept = found != 0
    np.testing.assert_array_equal(found[kept], x.numpy()[kept])
    assert kept.sum() == tf.size(maxima).numpy()
    again, _ = tf.nn.max_pool_with_argmax(found, 2, 2, padding)
    np.testing.assert_array_equal(again, maxima)


def test_unpooling_indices_out_of_range():
    with pytest.raises(tf.errors.InvalidArgumentError):
        MaxUnpooling2D()(np.ones((2, 1, 1, 1), "float32"), np.array([4, 0]).reshape((2, 1, 1, 1)))


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_unpooling_float_indices_in_half_precision(dtype):
    """Half precision cannot represent 2049 and 2499."""
    positions = np.array([2049.0, 2499.0], "float32").reshape((1, 1, 2, 1))
    maxima = np.ones((1, 1, 2, 1), "float32")
    given = MaxUnpooling2DV2((1, 50, 50, 1), dtype=dtype)
    fitting = MaxUnpooling2D((50, 25), (50, 25), dtype=dtype)
    for layer in (given, fitting):
        y = layer(maxima, positions)
        assert y.dtype == layer.compute_dtype
        np.testing.assert_array_equal(np.flatnonzero(keras.ops.cast(y, "float32")), [2049, 2499])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_embedding_bag_with_padding(combiner, weighted):
    """Compares with `tf.nn.safe_embedding_lookup_sparse`, which sees only the elements that are no padding."""
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 5, (6, 7))
    indices[2] = 0  # a bag without elements
    weights = rng.uniform(0.5, 2, indices.shape).astype("float32") if weighted else None
    layer = EmbeddingBag(5, 3, combiner=combiner, padding_index=0)
    if combiner == "mean" and weighted:
        with raises_argument_error("weights", expected="None with combiner='mean'"):
            layer(indices, weights)
        return
    found = layer(indices, weights)
    kept = np.argwhere(indices != 0)
    words = tf.SparseTensor(kept, indices[indices != 0], indices.shape)
    factors = None if weights is None else tf.SparseTensor(kept, weights[indices != 0], indices.shape)
    expected = tf.nn.safe_embedding_lookup_sparse(layer.embeddings.value, words, factors, combiner)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_embedding_bag_sqrtn():
    indices = np.array([[1, 2, 2, 0]])
    layer = EmbeddingBag(5, 3, combiner="sqrtn")
    np.testing.assert_allclose(layer(indices), layer.embeddings.numpy()[indices].sum(1) / 2, rtol=1e-6)
    with raises_argument_error("padding_index", expected="an integer from 0 to 4, or None"):
        EmbeddingBag(5, 3, padding_index=5)


def test_embedding_bag_weights_of_another_shape():
    with raises_argument_error("weights", received="(2, 1)", expected="have the shape (2, 3) of `indices`"):
        EmbeddingBag(5, 3, padding_index=0)(np.ones((2, 3), int), np.ones((2, 1), "float32"))


def test_maxout_with_unknown_feature_size():
    x = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    maxout = tf.function(Maxout(3), input_signature=[tf.TensorSpec((None, None))])
    np.testing.assert_array_equal(maxout(x), Maxout(3)(x))


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_embedding_bag_float_indices_in_half_precision(dtype):
    """Indices are floats, as from `keras.Input`, and weights are as precise as the table."""
    table = np.arange(4100)[:, None] % 7
    layer = EmbeddingBag(4100, 1, embeddings_initializer=keras.initializers.Constant(table), dtype=dtype)
    inputs = keras.Input((2,)), keras.Input((2,))
    model = keras.Model(inputs, layer(*inputs))
    indices, weights = np.array([[2049.0, 4099.0]], "float32"), np.array([[0.5, 2.0]], "float32")
    for y in (layer(indices, weights), model((indices, weights)), tf.function(layer)(indices, weights)):
        assert y.dtype == model.output.dtype == layer.compute_dtype
        np.testing.assert_array_equal(keras.ops.cast(y, "float32"), [[0.5 * 5 + 2 * 4]])


def test_spatial_pyramid_small_images_and_invalid_bins():
    layer = SpatialPyramidPooling2D([4])
    layer(np.zeros((1, 8, 8, 1)))
    with raises_argument_error("inputs", expected="have spatial axes at least as large as the grids [[4, 4]]"):
        layer(np.zeros((1, 3, 8, 1)))
    for bins in (3, [None], [[1, 2.5]]):
        with raises_argument_error("bins", expected="positive integers"):
            SpatialPyramidPooling2D(bins)


def test_spatial_pyramid_variable_image_sizes():
    layer, flipped = SpatialPyramidPooling2D([[2, 3]]), SpatialPyramidPooling2D([[2, 3]], "channels_first")
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 6, 2)
    for height, width in ((4, 6), (5, 8)):
        x = RNG.normal(size=(3, height, width, 2)).astype("float32")
        whole = x[:, :4, :6]  # the remaining rows and columns are dropped
        parts = [whole[:, i : i + 2, j : j + 2].mean((1, 2)) for i in (0, 2) for j in (0, 2, 4)]
        np.testing.assert_allclose(model(x), np.stack(parts, 1), atol=1e-6)
        np.testing.assert_allclose(flipped(np.moveaxis(x, -1, 1)), np.stack(parts, 2), atol=1e-6)


def test_netvlad_half_precision_and_masked_nan():
    keras.utils.set_random_seed(0)  # with these weights, no assignment is rounded to 0 in half precision
    x = RNG.uniform(10, 30, (1, 4096, 3)).astype("float32")
    layer, half = NetVLAD(2), NetVLAD(2, dtype="mixed_float16")
    layer.build(x.shape)
    half.build(x.shape)
    half.set_weights(layer.get_weights())
    np.testing.assert_allclose(half(x), layer(x), atol=0.02)
    x[:, 5] = np.nan
    mask = np.isfinite(x[..., 0])
    np.testing.assert_allclose(layer(x, mask=mask), layer(np.delete(x, 5, axis=1)), atol=1e-5)


def test_noisy_dense():
    x = np.ones((1, 400), "float32")
    layer = NoisyDense(300, sigma=0.5, seed=1)
    layer(x)
    eps = layer.eps_kernel.numpy()
    # Factorised noise is the outer product of f(e) and f(e'), with E f(e)^2 = E |e| = sqrt(2 / pi).
    np.testing.assert_allclose(eps * eps[0, 0], eps[:, :1] * eps[:1], atol=1e-5)
    np.testing.assert_allclose(np.mean(layer.eps_bias.numpy() ** 2), (2 / np.pi) ** 0.5, atol=0.15)
    np.testing.assert_allclose(layer.sigma_kernel, 0.5 / 20)
    assert np.abs(layer.mu_kernel.numpy()).max() <= 1 / 20
    independent = NoisyDense(300, use_factorised=False, use_bias=False, seed=1)
    independent(x)
    np.testing.assert_allclose(independent.eps_kernel.numpy().std(), 1, atol=0.02)
    assert np.abs(independent.mu_kernel.numpy()).max() <= (3 / 400) ** 0.5
    for one in (layer, independent):  # TensorFlow Addons fails without a bias
        before = one(x).numpy()
        one.reset_noise()
        assert np.any(one(x).numpy() != before)
        tf.function(one.reset_noise)()
        one.remove_noise()
        assert not one.eps_kernel.numpy().any()


@pytest.mark.parametrize(
    ("use_norm2", "size"), [(False, lambda w: np.abs(np.linalg.eigvals(w)).max()), (True, np.linalg.norm)]
)
def test_esn_reservoir(use_norm2, size):
    cell = ESNCell(80, connectivity=0.2, spectral_radius=0.7, use_norm2=use_norm2, seed=1)
    cell.build((None, 3))
    weights = cell.recurrent_kernel.numpy()
    size = np.linalg.norm(weights) if use_norm2 else np.abs(np.linalg.eigvals(weights)).max()
    np.testing.assert_allclose(size, 0.7, rtol=1e-4)
    np.testing.assert_allclose(np.mean(weights != 0), 0.2, atol=0.02)  # 4 standard errors, 4 sqrt(0.2 * 0.8 / 6400)
    assert not cell.trainable_weights
    alone = ESNCell(4, connectivity=0.0)
    alone.build((None, 3))
    assert not alone.recurrent_kernel.numpy().any()


@pytest.mark.parametrize("make", [lambda: NoisyDense(4), lambda: keras.layers.RNN(ESNCell(4)), lambda: ESN(4)])
def test_random_layers_built_by_fit(make):
    """Keras builds a subclassed model in a separate graph, whose tensors must not be kept."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.last = make(), keras.layers.Dense(1)

        def call(self, x):
            return self.last(self.inner(x))

    x = np.ones((8, 3) if isinstance(make(), NoisyDense) else (8, 5, 3), "float32")
    model = Model()
    model.compile("sgd", "mse", jit_compile=False)
    assert np.isfinite(model.fit(x, np.ones((8, 1)), verbose=0).history["loss"]).all()


def test_esn_seed_shared_with_initializer():
    cell = ESNCell(100, recurrent_initializer=keras.initializers.GlorotUniform(seed=1), seed=1)
    cell.build((None, 3))
    weights = cell.recurrent_kernel.numpy()
    assert 0.4 < np.mean(weights[weights != 0] > 0) < 0.6


def test_noisy_dense_kernel_and_bias_share_noise():
    layer = NoisyDense(5)
    layer.build((None, 3))
    for _ in range(2):
        kernel, bias = layer.eps_kernel.numpy(), layer.eps_bias.numpy()
        np.testing.assert_allclose(kernel / kernel[:, :1], np.tile(bias / bias[0], (3, 1)), rtol=1e-4)
        layer.reset_noise()
