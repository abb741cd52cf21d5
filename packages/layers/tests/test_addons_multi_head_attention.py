"""Tests of `AddonsMultiHeadAttention` against NumPy. `tests/parity` compares it with TensorFlow Addons."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.layers import AddonsMultiHeadAttention, MultiHeadAttention
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
QUERY, KEY, VALUE = (RNG.normal(size=shape).astype("float32") for shape in ((3, 5, 6), (3, 7, 4), (3, 7, 2)))
KEYS_SEEN = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [0] * 7], bool)


def made(*inputs, **options):
    """Returns a layer with random weights, including the bias."""
    layer = AddonsMultiHeadAttention(**{"head_size": 4, "num_heads": 3, **options})
    layer.build([x.shape for x in inputs])
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def expected(layer, inputs, seen):
    """Returns output and coefficients in float64, head by head. `seen` has the shape of the coefficients."""
    query_kernel, key_kernel, value_kernel, projection_kernel, *bias = (
        np.asarray(weight, "float64") for weight in layer.get_weights()
    )
    query, key, value = inputs[0], inputs[1], inputs[-1]
    output, coefficients = sum(bias), []
    for head in range(layer.num_heads):
        scores = query @ query_kernel[head] @ np.swapaxes(key @ key_kernel[head], -1, -2) / np.sqrt(layer.head_size)
        scores = np.where(seen[..., head, :, :], scores, -np.inf)
        with np.errstate(invalid="ignore"):
            shares = np.nan_to_num(softmax(scores, axis=-1), nan=1 / key.shape[-2])  # no keys: the mean over all
        output = output + shares @ (value @ value_kernel[head]) @ projection_kernel[head]
        coefficients.append(shares)
    return output, np.stack(coefficients, axis=-3)


@pytest.mark.pairwise
@pytest.mark.parametrize("coefficients", [False, True])
@pytest.mark.parametrize("mask", [None, (5, 7), (3, 5, 7), (3, 1, 5, 7), (3, 3, 5, 7)])
@pytest.mark.parametrize("count", [2, 3])
def test_matches_numpy(count, mask, coefficients):
    inputs = [QUERY, KEY, VALUE][:count]
    layer = made(*inputs, return_attn_coef=coefficients)
    seen, given = np.ones((3, 3, 5, 7), bool), None
    if mask:
        given = np.random.default_rng(2).random(mask) < 0.6
        given[..., 0, :] = False  # a query for which all keys are masked
        seen &= given[:, None] if len(mask) == 3 else given
    found = layer(inputs, mask=given)
    for one, other in zip(found if coefficients else [found], expected(layer, inputs, seen), strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coefficients", [False, True])
def test_single_key(coefficients):
    inputs = [QUERY, KEY[:, :1]]
    layer = made(*inputs, return_attn_coef=coefficients)
    found = layer(inputs)
    reference, _ = expected(layer, inputs, np.ones((3, 3, 5, 1), bool))
    np.testing.assert_allclose(found[0] if coefficients else found, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_other_ranks(shape):
    inputs = [RNG.normal(size=(*shape, *x.shape[1:])).astype("float32") for x in (QUERY, KEY, VALUE)]
    layer = made(*inputs, use_projection_bias=False, output_size=9)
    for mask in (np.ones((5, 7)), np.random.default_rng(2).random((*shape, 5, 7)) < 0.6):
        seen = np.broadcast_to(mask.astype(bool)[..., None, :, :], (*shape, 3, 5, 7))
        found = layer(inputs, mask=mask)
        np.testing.assert_allclose(found, expected(layer, inputs, seen)[0], rtol=1e-4, atol=1e-4)
        assert found.shape == layer.compute_output_shape([x.shape for x in inputs])


def masked(x, mask):
    """Returns a tensor with a Keras mask, as passed on by an Embedding or Masking layer."""
    return keras.layers.Masking(mask_value=9.0)(np.where(mask[..., None], x, 9.0).astype("float32"))


@pytest.mark.parametrize("coefficients", [False, True])
def test_propagated_masks(coefficients):
    queries_seen = np.arange(5) < np.array([[5], [2], [4]])
    layer = made(QUERY, KEY, return_attn_coef=coefficients)
    query, key = masked(QUERY, queries_seen), masked(KEY, KEYS_SEEN)
    found = layer([query, key])
    output = found[0] if coefficients else found
    np.testing.assert_array_equal(keras_mask(output), queries_seen)
    seen = np.broadcast_to(KEYS_SEEN[:, None, None], (3, 3, 5, 7))
    reference, _ = expected(layer, [query.numpy(), key.numpy()], seen)
    np.testing.assert_allclose(output, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("coefficients", [False, True])
def test_fully_masked_keys_give_mean(dtype, coefficients):
    layer = made(QUERY, KEY, dtype=dtype, return_attn_coef=coefficients)
    found = layer([QUERY, KEY], mask=np.zeros((5, 7), bool))
    value = np.einsum("bmi,hio->bho", KEY, layer.get_weights()[2]) / 7
    mean = np.einsum("bho,hop->bp", value, layer.get_weights()[3]) + layer.get_weights()[4]
    tolerance = {"float64": 1e-6, "mixed_float16": 0.02, "mixed_bfloat16": 0.1}[dtype]
    output = tf.cast(found[0] if coefficients else found, "float64")
    np.testing.assert_allclose(output, np.repeat(mean[:, None], 5, axis=1), rtol=tolerance, atol=tolerance)


def test_mask_as_model_input(tmp_path):
    query, key = (keras.Input((None, x.shape[-1])) for x in (QUERY, KEY))
    mask = keras.Input((None, None), dtype="bool")
    model = keras.Model([query, key, mask], AddonsMultiHeadAttention(4, 3)([query, key], mask=mask))
    assert model.output_shape == (None, None, 4)
    data = [QUERY, KEY, RNG.random((3, 5, 7)) < 0.6]
    model.compile("adam", "mean_squared_error", jit_compile=False)
    model.fit(data, RNG.normal(size=(3, 5, 4)), epochs=2, verbose=0)
    seen = np.broadcast_to(data[2][:, None], (3, 3, 5, 7))
    found = model.predict(data, verbose=0)
    np.testing.assert_allclose(found, expected(model.layers[-1], [QUERY, KEY], seen)[0], rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras").predict(data, verbose=0), found)


def test_matches_multi_head_attention():
    layer = made(QUERY, KEY, VALUE, output_size=6)
    other = MultiHeadAttention(3, 4)
    other.build(QUERY.shape, VALUE.shape, KEY.shape)
    kernels, bias = layer.get_weights()[:4], layer.get_weights()[4]
    nothing = np.zeros((3, 4))
    turned = [each for kernel in kernels[:3] for each in (np.swapaxes(kernel, 0, 1), nothing)]
    other.set_weights([*turned, kernels[3], bias])
    np.testing.assert_allclose(layer([QUERY, KEY, VALUE]), other(QUERY, VALUE, KEY), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coefficients", [False, True])
def test_dropout(coefficients):
    inputs = [np.zeros((1, 2, 3), "float32"), np.ones((1, 4000, 3), "float32")]
    layer = made(*inputs, dropout=0.4, seed=1, return_attn_coef=coefficients)
    still, *shares = layer(inputs) if coefficients else [layer(inputs)]
    drawn = [layer(inputs, training=True) for _ in range(2)]
    if coefficients:
        np.testing.assert_array_equal(drawn[0][1], shares[0])  # coefficients before dropout
        drawn = [output for output, _ in drawn]
    assert np.any(drawn[0] != drawn[1])
    for output in drawn:
        np.testing.assert_allclose(output, still, rtol=0.1, atol=0.2)


def test_initial_kernels_differ():
    layer = AddonsMultiHeadAttention(4, 2)
    layer.build([(None, 5, 4), (None, 5, 4)])
    first, second, third, _, bias = layer.get_weights()
    assert np.any(first != second)
    assert np.any(second != third)
    assert not bias.any()


@pytest.mark.parametrize(
    ("shapes", "mask", "error"),
    [
        ([(3, 5, 6)], None, {"name": "inputs", "expected": "a list of tensors, [query, key]"}),
        (
            [(3, 5, 6), (3, 7, 4), (3, 6, 4)],
            None,
            {
                "name": "inputs",
                "expected": "contain a key and a value with the same number of steps, and with the same leading",
            },
        ),
        (
            [(3, 5, 6), (1, 7, 4)],
            None,
            {
                "name": "inputs",
                "expected": "contain a key and a value with the same number of steps, and with the same leading",
            },
        ),
        (
            [(3, 5, 6), (7, 4)],
            None,
            {
                "name": "inputs",
                "expected": "contain a key and a value with the same number of steps, and with the same leading",
            },
        ),
        (
            [(3, 5, 6), (3, 7, 4)],
            (7,),
            {"name": "mask", "received": "(7,)", "expected": "have a shape that ends in (steps, keys) = (5, 7)"},
        ),
        (
            [(3, 5, 6), (3, 7, 4)],
            (3, 1, 7),
            {"name": "mask", "received": "(3, 1, 7)", "expected": "have a shape that ends in (steps, keys) = (5, 7)"},
        ),
        (
            [(3, 5, 6), (3, 7, 4)],
            (5, 1),
            {"name": "mask", "received": "(5, 1)", "expected": "have a shape that ends in (steps, keys) = (5, 7)"},
        ),
    ],
)
def test_invalid_shapes(shapes, mask, error):
    with raises_argument_error(**error):
        AddonsMultiHeadAttention(4, 2)(
            [np.zeros(shape, "float32") for shape in shapes], mask=mask and np.ones(mask, "float32")
        )


def test_mask_of_another_batch_size():
    x = np.zeros((3, 5, 6), "float32")
    with pytest.raises(ValueError, match="received"):  # from TensorFlow
        AddonsMultiHeadAttention(4, 2)([x, x], mask=np.ones((2, 5, 5), "float32"))


def test_mask_as_nested_lists():
    x = np.zeros((3, 2, 4), "float32")
    with raises_argument_error("mask", received="(2,)", expected="have shape (3, 2) to match the key without"):
        AddonsMultiHeadAttention(4, 2)([x, x], mask=[[1, 0], [1, 1]])
