"""Comparison of layers and ops with TensorFlow Addons: outputs and gradients, for random sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from side import differentiated

from tensorsmith import layers, ops

pytestmark = pytest.mark.pairwise

sizes = st.integers(1, 6)
several = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expect_same(ours, theirs, tolerance):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def masked(layer):
    """Return a layer as a function of inputs, mask and weights, for `differentiated`."""

    def call(x, mask, *weights):
        layer.set_weights(weights)
        return list(layer(x, mask=mask)), [weight.value for weight in layer.trainable_weights]

    return call


def drawn(rng, shapes):
    return [0.5 * rng.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gelu", {}),
        ("gelu", {"approximate": False}),
        ("lisht", {}),
        ("rrelu", {}),
        ("rrelu", {"lower": 0.2, "upper": 0.9}),
        ("snake", {}),
        ("snake", {"frequency": 0.7}),
    ]
    + [("sparsemax", {"axis": axis}) for axis in (-1, 0, 1)],
)
@several
@given(sizes, sizes, st.sampled_from([0.1, 1.0, 10.0]), st.integers(0, 99))
def test_activations(addons, name, options, rows, columns, scale, seed):
    x = scale * np.random.default_rng(seed).normal(size=(rows, columns)).astype("float32")

    def ours(x):
        return [getattr(layers.activations, name)(x, **options)]

    expect_same(differentiated(ours, [x]), addons("activation", [x], name=name, **options), 1e-5)


# TensorFlow rounds the square root of 2 to float32, also in float64.
@pytest.mark.parametrize("approximate", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("float64", 1e-7)])
def test_gelu_of_other_dtypes(addons, dtype, tolerance, approximate):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(dtype)
    ours = differentiated(lambda x: [layers.activations.gelu(x, approximate)], [x])
    assert ours[0].dtype == dtype
    expect_same(ours, addons("activation", [x], name="gelu", approximate=approximate), tolerance)


@pytest.mark.parametrize(
    ("name", "inputs", "rank", "options"),
    [
        ("ESN", 1, 3, {"units": 4, "leaky": 0.3}),
        ("ESN", 1, 3, {"units": 4, "use_norm2": True, "return_sequences": True, "go_backwards": True}),
        ("FilterResponseNormalization", 1, 4, {"epsilon": 0.01}),
        ("FilterResponseNormalization", 1, 4, {"learned_epsilon": True}),
        ("GELU", 1, 3, {}),
        ("GELU", 1, 3, {"approximate": False}),
        ("Maxout", 1, 3, {"num_units": 2}),
        ("Maxout", 1, 3, {"num_units": 3, "axis": 1}),
        ("NoisyDense", 1, 2, {"units": 3, "activation": "tanh"}),
        ("NoisyDense", 1, 3, {"units": 3, "use_factorised": False}),
        ("PoincareNormalize", 1, 3, {}),
        ("PoincareNormalize", 1, 3, {"axis": [1, 2], "epsilon": 0.2}),
        ("PolynomialCrossing", 2, 2, {}),
        ("PolynomialCrossing", 2, 2, {"projection_dim": 2, "diag_scale": 0.5, "use_bias": False}),
        ("Snake", 1, 3, {}),
        ("Sparsemax", 1, 2, {}),
        ("SpatialPyramidPooling2D", 1, 4, {"bins": [1, [2, 3], 4]}),
        ("StochasticDepth", 2, 3, {"survival_probability": 0.3}),
        ("TLU", 1, 3, {}),
        ("TLU", 1, 3, {"affine": True}),
    ],
)
@several
@given(sizes, st.integers(0, 99))
def test_layers(addons, name, inputs, rank, options, batch, seed):
    rng = np.random.default_rng(seed)
    shape = (batch, *rng.integers(1, 4, rank - 1) * 6)  # divisible into 2 and 3 groups
    given = [rng.normal(size=shape).astype("float32") for _ in range(inputs)]
    layer = getattr(layers, name)(**options)
    layer.build(shape if inputs == 1 else [shape] * inputs)
    weights = drawn(rng, [weight.shape for weight in layer.weights])

    def ours(*arrays):
        x, weights = arrays[:inputs], arrays[inputs:]
        layer.set_weights(weights)
        return [layer(list(x) if inputs > 1 else x[0])], [weight.value for weight in layer.trainable_weights]

    arrays = [*given, *weights]
    expect_same(differentiated(ours, arrays), addons("layer", arrays, name=name, inputs=inputs, **options), 1e-4)


@pytest.mark.parametrize("coefficients", [False, True])
@pytest.mark.parametrize(
    ("inputs", "options"),
    [(2, {}), (3, {}), (3, {"output_size": 5}), (2, {"output_size": 5, "use_projection_bias": False})],
)
@several
@given(
    sizes,
    sizes,
    sizes,
    st.integers(1, 3),
    st.sampled_from([None, "steps keys", "batch steps keys", "batch one steps keys", "batch heads steps keys"]),
    st.integers(0, 99),
)
def test_multi_head_attention(addons, inputs, options, coefficients, batch, steps, keys, heads, mask, seed):
    rng = np.random.default_rng(seed)
    shapes = [(batch, steps, 4), (batch, keys, 3), (batch, keys, 2)][:inputs]
    given = [rng.normal(size=shape).astype("float32") for shape in shapes]
    if mask:
        axes = {"batch": batch, "one": 1, "heads": heads, "steps": steps, "keys": keys}
        given.append(rng.random([axes[axis] for axis in mask.split()]) < 0.6)  # some queries have no unmasked key
    options = {"head_size": 4, "num_heads": heads, "return_attn_coef": coefficients, **options}
    layer = layers.AddonsMultiHeadAttention(**options)
    layer.build(shapes)

    def ours(*arrays):
        layer.set_weights(arrays[len(given) :])
        found = layer(list(arrays[:inputs]), mask=arrays[inputs] if mask else None)
        return list(found) if coefficients else [found], [weight.value for weight in layer.trainable_weights]

    arrays = [*given, *drawn(rng, [weight.shape for weight in layer.weights])]
    theirs = addons("attention", arrays, inputs=inputs, masked=mask is not None, **options)
    expect_same(differentiated(ours, arrays), theirs, 1e-4)


@several
@given(sizes, sizes, sizes, st.integers(2, 6), st.integers(0, 99))  # Keras warns about a single cluster
def test_netvlad(addons, batch, frames, features, clusters, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, frames, features)).astype("float32")
    layer = layers.NetVLAD(clusters)
    layer.build(x.shape)
    arrays = [x, *drawn(rng, [weight.shape for weight in layer.weights])]

    def ours(x, *weights):
        layer.set_weights(weights)
        return [layer(x)], [weight.value for weight in layer.trainable_weights]

    expect_same(differentiated(ours, arrays), addons("netvlad", arrays, num_clusters=clusters), 2e-4)


@pytest.mark.parametrize("data_init", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Dense", {"units": 3, "activation": "tanh"}),
        ("Conv1D", {"filters": 2, "kernel_size": 2, "activation": "relu"}),
    ],
)
@several
@given(st.integers(2, 6), sizes, st.integers(0, 99))
def test_weight_normalization(addons, kind, options, data_init, batch, features, seed):
    """Weight normalization keeps the kernel a variable, which Addons replaces by a tensor (#1703, #1789).

    The additional option `data_init="paper"` does not initialize in inference and has no counterpart in Addons.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, 5, features)).astype("float32")
    inner = getattr(keras.layers, kind)(**options)
    inner.build(x.shape)
    arrays = [x, *drawn(rng, [weight.shape for weight in inner.weights])]

    def ours(x, *weights):
        inner.set_weights(weights)
        layer = layers.WeightNormalization(inner, data_init)
        first = layer(x)
        return [tf.stop_gradient(first), layer(x)], [weight.value for weight in (layer.g, layer.v, inner.bias)]

    theirs = addons("weight_normalization", arrays, kind=kind, options=options, data_init=data_init)
    expect_same(differentiated(ours, arrays), theirs, 1e-3 if data_init else 1e-4)


@pytest.mark.parametrize("name", ["MaxUnpooling2D", "MaxUnpooling2DV2"])
@several
@given(sizes, sizes, sizes, st.sampled_from(["SAME", "VALID"]), st.integers(0, 99))
def test_unpooling(addons, name, batch, rows, columns, padding, seed):
    x = np.random.default_rng(seed).normal(size=(batch, 2 * rows, 2 * columns, 3)).astype("float32")
    maxima, positions = tf.nn.max_pool_with_argmax(x, 2, 2, padding)
    options = {"padding": padding} if name == "MaxUnpooling2D" else {"output_size": x.shape}
    layer, arrays = getattr(layers, name)(**options), [maxima.numpy(), positions.numpy()]
    ours = differentiated(lambda maxima, positions: [layer(maxima, positions)], arrays)
    expect_same(ours, addons("unpooling", arrays, name=name, **options), 0)


@several
@given(sizes, sizes, sizes, sizes, st.booleans(), st.integers(0, 99))
def test_crf_layer(addons, batch, steps, features, units, boundary, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, steps, features)).astype("float32")
    mask = np.arange(steps) < rng.integers(1, steps + 1, batch)[:, np.newaxis]
    layer = layers.CRF(units, use_boundary=boundary)
    layer.build(x.shape)
    weights = drawn(rng, [weight.shape for weight in layer.weights])

    arrays = [x, mask, *weights]
    expect_same(
        differentiated(masked(layer), arrays), addons("crf_layer", arrays, units=units, use_boundary=boundary), 1e-5
    )


@several
@given(sizes, sizes, sizes, st.integers(0, 99))
def test_gather_tree(addons, steps, batch, beams, seed):
    rng = np.random.default_rng(seed)
    ids, parents = rng.integers(0, 5, (steps, batch, beams)), rng.integers(0, beams, (steps, batch, beams))
    arrays = [value.astype("int32") for value in (ids, parents, rng.integers(1, steps + 1, batch), np.array(0))]
    expect_same(differentiated(lambda *values: [ops.gather_tree(*values)], arrays), addons("gather_tree", arrays), 0)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("NASCell", {}),
        ("NASCell", {"use_bias": True, "projection": 2}),
        ("ESNCell", {"leaky": 0.3}),
        ("ESNCell", {"use_bias": False, "activation": "relu", "use_norm2": True}),
    ],
)
@several
@given(sizes, sizes, sizes, sizes, st.integers(0, 99))
def test_cells(addons, cell, options, batch, steps, features, units, seed):
    rng = np.random.default_rng(seed)
    x, mask = rng.normal(size=(batch, steps, features)).astype("float32"), np.ones((batch, steps), bool)
    layer = keras.layers.RNN(getattr(layers, cell)(units, **options), return_sequences=True, return_state=True)
    layer.build(x.shape)
    weights = drawn(rng, [weight.shape for weight in layer.weights])

    arrays = [x, mask, *weights]
    expect_same(
        differentiated(masked(layer), arrays), addons("recurrent", arrays, cell=cell, units=units, **options), 1e-4
    )


@pytest.mark.parametrize(
    ("name", "cell", "options"),
    [
        ("PeepholeLSTM", "PeepholeLSTMCell", {}),
        ("PeepholeLSTM", "PeepholeLSTMCell", {"use_bias": False}),
        ("LayerNormLSTM", "LayerNormLSTMCell", {}),
        ("LayerNormLSTM", "LayerNormLSTMCell", {"norm_epsilon": 0.1}),
        ("LayerNormSimpleRNN", "LayerNormSimpleRNNCell", {}),
        ("LayerNormSimpleRNN", "LayerNormSimpleRNNCell", {"use_bias": False, "layernorm_epsilon": 0.1}),
    ],
)
@several
@given(sizes, sizes, sizes, st.integers(2, 6), st.integers(0, 99))
def test_recurrent(addons, name, cell, options, batch, steps, features, units, seed):
    rng = np.random.default_rng(seed)
    x, mask = rng.normal(size=(batch, steps, features)).astype("float32"), rng.random((batch, steps)) < 0.8
    layer = getattr(layers, name)(units, return_sequences=True, return_state=True, **options)
    layer.build(x.shape)
    weights = drawn(rng, [weight.shape for weight in layer.weights])

    arrays = [x, mask, *weights]
    expect_same(
        differentiated(masked(layer), arrays), addons("recurrent", arrays, cell=cell, units=units, **options), 2e-4
    )
