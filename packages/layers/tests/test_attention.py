"""Tests of `Attention` and `MultiHeadAttention` against the layers of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from packaging.version import Version

from tensorsmith import layers, ops
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
QUERY, VALUE, KEY = (RNG.normal(size=(3, steps, 6)).astype("float32") for steps in (5, 7, 7))
KEYS_SEEN = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1, 0]], bool)
SINCE_3_14, SINCE_3_15 = (
    pytest.mark.skipif(Version(keras.__version__) < Version(version), reason=f"Keras has it since {version}")
    for version in ("3.14", "3.15")
)
QUERIES_SEEN = np.array([[1] * 5, [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]], bool)


def pair(ours, theirs, *shapes, **kwargs):
    """Returns our layer and the layer of Keras with the same random weights, including biases."""
    layer, reference = ours(**kwargs), theirs(**kwargs)
    reference.build(*shapes)
    reference.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in reference.weights])
    layer.build(*shapes)
    layer.set_weights(reference.get_weights())
    assert [weight.name for weight in layer.weights] == [weight.name for weight in reference.weights]
    return layer, reference


def multi_head(**kwargs):
    kwargs = {"num_heads": 3, "key_dim": 4, **kwargs}
    return pair(
        layers.MultiHeadAttention, keras.layers.MultiHeadAttention, QUERY.shape, VALUE.shape, KEY.shape, **kwargs
    )


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"use_causal_mask": True},
        {"attention_mask": RNG.random((3, 5, 7)) < 0.8},
        {"attention_mask": RNG.random((5, 7)) < 0.8, "use_causal_mask": True},
        {"attention_mask": RNG.random((3, 3, 5, 7)) < 0.8},
    ],
    ids=["plain", "causal", "mask", "mask of two axes, causal", "mask of heads"],
)
@pytest.mark.parametrize("kwargs", [{}, {"value_dim": 5, "output_shape": 7, "use_bias": False}], ids=["", "sizes"])
def test_multi_head_attention_matches_keras(kwargs, call):
    layer, reference = multi_head(**kwargs)
    if "attention_mask" in call:
        call["attention_mask"][..., 0] = True  # every query may attend to a key
    np.testing.assert_allclose(
        layer(QUERY, VALUE, KEY, **call), reference(QUERY, VALUE, KEY, **call), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    "kwargs",
    [
        pytest.param({"use_gate": True}, marks=SINCE_3_14),
        pytest.param({"sliding_window": 2}, marks=SINCE_3_15),
        {"attention_axes": 1},
    ],
    ids=str,
)
def test_multi_head_attention_options(kwargs):
    layer, reference = multi_head(**kwargs)
    np.testing.assert_allclose(layer(QUERY, VALUE), reference(QUERY, VALUE), rtol=1e-5, atol=1e-5)
    ours, theirs = (one(QUERY, VALUE, return_attention_scores=True) for one in (layer, reference))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def with_mask(value, mask):
    """Returns a tensor with a Keras mask, as passed on by an Embedding or Masking layer."""
    return keras.layers.Masking(mask_value=9.0)(np.where(mask[..., np.newaxis], value, 9.0).astype("float32"))


# Some queries see no key: of the second sequence all, of the third those before the first visible key if causal.
KEYS_HIDDEN = np.array([[1] * 7, [0] * 7, [0, 0, 1, 1, 0, 1, 0]], bool)


@pytest.mark.parametrize("causal", [False, True, 0, 1])
@pytest.mark.parametrize("keys_seen", [KEYS_SEEN, KEYS_HIDDEN], ids=["some keys", "no keys"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_input_masks(dropout, keys_seen, causal):
    layer, reference = multi_head(dropout=dropout)
    ours, theirs = (
        one(with_mask(QUERY, QUERIES_SEEN), with_mask(VALUE, keys_seen), use_causal_mask=causal)
        for one in (layer, reference)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(keras_mask(ours), QUERIES_SEEN)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [False, True])
def test_input_masks_with_dropout_in_graph(training, dtype):
    def output(through):
        layer, _ = multi_head(dropout=0.2, seed=1, dtype=dtype)
        inputs = with_mask(QUERY, QUERIES_SEEN), with_mask(VALUE, KEYS_HIDDEN)
        return through(lambda: layer(*inputs, training=training))().numpy().astype("float32")

    tolerance = 1e-5 if dtype == "float32" else 0.05
    eager, graph = (output(through) for through in (lambda function: function, tf.function))
    np.testing.assert_allclose(graph, eager, rtol=tolerance, atol=tolerance)


def test_model_of_padded_text_with_dropout():
    """`fit`, `evaluate` and `predict` run in graphs."""
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20, 8, mask_zero=True)(words)
    x = layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x)
    model = keras.Model(words, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(x)))
    model.compile("adam", "mean_squared_error", jit_compile=False)
    tokens = np.random.default_rng(0).integers(0, 3, (6, 5))
    targets = np.arange(6.0)[:, np.newaxis]
    history = model.fit(tokens, targets, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
    np.testing.assert_allclose(model.predict(tokens, verbose=0), model(tokens), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_mask_without_keys(causal):
    layer, reference = multi_head()
    mask = np.random.default_rng(1).random((3, 5, 7)) < 0.3  # some rows are empty
    assert not mask.any(axis=-1).all()
    ours, theirs = (one(QUERY, VALUE, attention_mask=mask, use_causal_mask=causal) for one in (layer, reference))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


INVALID_MASKS = [(), (7,), (1, 3, 3, 5, 7), (5, 6), (4, 7), (2, 5, 7), (3, 2, 5, 7), (3, 3, 4, 7)]


@pytest.mark.parametrize("scores", [False, True], ids=["kernel", "keras"])
@pytest.mark.parametrize("shape", INVALID_MASKS, ids=str)
def test_invalid_attention_masks(shape, scores):
    """Keras refuses these shapes as well."""
    layer, reference = multi_head()
    call = {"attention_mask": np.ones(shape, bool), "return_attention_scores": scores}
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        reference(QUERY, VALUE, KEY, **call)
    for run in (layer, tf.function(layer)):
        with raises_argument_error("attention_mask", expected="have shape (steps, keys), (batch, steps, keys) or"):
            run(QUERY, VALUE, KEY, **call)
    with pytest.raises(ValueError, match=r"The sizes are batch = 3, heads = 3, steps = 5, keys = 7, and an axis"):
        layer(QUERY, VALUE, KEY, **call)


@pytest.mark.parametrize("shape", [(2, 5, 7), (3, 5, 6), (3, 4, 7)], ids=str)
def test_invalid_attention_masks_of_unknown_size(shape):
    layer, _ = multi_head()
    signature = [tf.TensorSpec([None, None, 6])] * 2 + [tf.TensorSpec([None, None, None], tf.bool)]
    run = tf.function(lambda query, value, mask: layer(query, value, attention_mask=mask), input_signature=signature)
    assert run(QUERY, VALUE, np.ones((3, 5, 7), bool)).shape == (3, 5, 6)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(QUERY, VALUE, np.ones(shape, bool))


@pytest.mark.parametrize("shape", [(1, 7), (5, 1), (3, 1, 7), (1, 5, 7), (3, 1, 5, 7), (1, 3, 1, 7)], ids=str)
def test_attention_masks_that_are_broadcast(shape):
    layer, reference = multi_head()
    mask = np.random.default_rng(3).random(shape) < 0.6
    np.testing.assert_allclose(
        layer(QUERY, VALUE, KEY, attention_mask=mask),
        reference(QUERY, VALUE, KEY, attention_mask=mask),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("scores", [False, True], ids=["kernel", "keras"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_attention_masks_of_numbers(dtype, scores):
    """Numbers are cast to boolean, as in Keras."""
    layer, reference = multi_head()
    mask = np.random.default_rng(4).random((3, 5, 7)) < 0.6
    call = {"return_attention_scores": scores}
    found, casts, expected = (
        tf.nest.flatten(one(QUERY, VALUE, KEY, attention_mask=each, **call))[0]
        for one, each in ((layer, mask), (layer, mask.astype(dtype)), (reference, mask.astype(dtype)))
    )
    np.testing.assert_array_equal(casts, found)
    np.testing.assert_allclose(casts, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scores", [False, True], ids=["kernel", "keras"])
def test_attention_masks_of_strings(scores):
    layer, _ = multi_head()
    for run in (layer, tf.function(layer)):
        with raises_argument_error("attention_mask", received="string", expected="have a boolean or numeric dtype"):
            run(QUERY, VALUE, attention_mask=np.full((5, 7), "True"), return_attention_scores=scores)


def test_implicit_and_explicit_masks_agree():
    layer, _ = multi_head()
    explicit = QUERIES_SEEN[:, :, np.newaxis] & KEYS_SEEN[:, np.newaxis]
    implicit = layer(with_mask(QUERY, QUERIES_SEEN), with_mask(VALUE, KEYS_SEEN))
    queries, values = QUERY * QUERIES_SEEN[..., np.newaxis], VALUE * KEYS_SEEN[..., np.newaxis]  # as Masking returns
    np.testing.assert_allclose(implicit, layer(queries, values, attention_mask=explicit), rtol=1e-5, atol=1e-5)


def test_seed_generators():
    """The layer has the state variables of the layer of Keras."""
    layer, reference = multi_head(dropout=0.2)
    assert [one.shape for one in layer.variables] == [one.shape for one in reference.variables]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kwargs", [{}, {"use_scale": True}, {"score_mode": "concat"}], ids=str)
def test_attention_matches_keras(kwargs, causal):
    shapes = [QUERY.shape, VALUE.shape, KEY.shape]
    layer, reference = pair(layers.Attention, keras.layers.Attention, shapes, **kwargs)
    for mask in (None, [QUERIES_SEEN, KEYS_SEEN], [QUERIES_SEEN, KEYS_HIDDEN]):
        call = {"mask": mask and [tf.constant(one) for one in mask], "use_causal_mask": causal}
        for inputs in ([QUERY, VALUE, KEY], [QUERY, VALUE]):
            np.testing.assert_allclose(layer(inputs, **call), reference(inputs, **call), rtol=1e-5, atol=1e-5)
    ours, theirs = (one([QUERY, VALUE], return_attention_scores=True) for one in (layer, reference))
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-5)


def test_float64_without_keys():
    """Keras attends by the scores if all keys are masked, because float64 does not round them to equal values."""
    shapes = [QUERY.shape, VALUE.shape]
    layer, reference = pair(layers.Attention, keras.layers.Attention, shapes, use_scale=True, dtype="float64")
    mask = [None, tf.constant(KEYS_HIDDEN)]
    ours, theirs = (one([QUERY, VALUE], mask=mask) for one in (layer, reference))
    assert ours.dtype == tf.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_gradient_without_keys():
    """The outputs of Keras are constant in the query if all keys are masked, although its gradient is not zero."""
    layer, reference = pair(layers.Attention, keras.layers.Attention, [QUERY.shape, VALUE.shape])
    query, value, mask = tf.constant(QUERY), tf.constant(VALUE), [None, tf.constant(KEYS_HIDDEN)]
    gradients = []
    for one in (layer, reference):
        with tf.GradientTape() as tape:
            tape.watch(query)
            output = one([query, value], mask=mask) ** 2
        gradients.append(tape.gradient(output, query).numpy())
    empty = ~KEYS_HIDDEN.any(axis=1)
    other, output = (reference([each, value], mask=mask).numpy() for each in (2 * query, query))
    np.testing.assert_allclose(other[empty], output[empty], rtol=1e-6)
    np.testing.assert_array_equal(gradients[0][empty], 0)
    np.testing.assert_allclose(gradients[0][~empty], gradients[1][~empty], rtol=1e-4, atol=1e-4)


def test_one_query_for_all_examples():
    """Learned queries have a batch size of 1 and are broadcast."""
    shapes = [QUERY[:1].shape, VALUE.shape]
    layer, reference = pair(layers.Attention, keras.layers.Attention, shapes, use_scale=True)
    expected = reference([QUERY[:1], VALUE])
    np.testing.assert_allclose(layer([QUERY[:1], VALUE]), expected, rtol=1e-5, atol=1e-5)
    values = keras.Input(VALUE.shape[1:])
    model = keras.Model(values, layer([QUERY[:1], values]))
    np.testing.assert_allclose(model(VALUE), expected, rtol=1e-5, atol=1e-5)
    # Without dropout, Keras also requires equal batch sizes in MultiHeadAttention.
    layer, reference = multi_head(dropout=0.2)
    np.testing.assert_allclose(layer(QUERY[:1], VALUE), reference(QUERY[:1], VALUE), rtol=1e-5, atol=1e-5)


def test_query_mask_as_argument():
    """A mask that is passed has the effect that an attached mask has in Keras."""
    layer, reference = multi_head()
    queries = QUERY * QUERIES_SEEN[..., np.newaxis]  # as Masking returns
    expected = reference(with_mask(QUERY, QUERIES_SEEN), VALUE)
    np.testing.assert_allclose(layer(queries, VALUE, query_mask=QUERIES_SEEN), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scores", [False, True], ids=["kernel", "keras"])
def test_values_of_two_layers_keep_their_mask(scores):
    """Padding of the values changes nothing. Keras detaches their mask, so that its second layer attends to padding."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    values, x = (keras.layers.Embedding(9, 6, mask_zero=True)(each) for each in (source, target))
    for layer in (layers.MultiHeadAttention(2, 3), layers.MultiHeadAttention(2, 3)):
        x = layer(x, values, return_attention_scores=scores)
        x = x[0] if scores else x
    model = keras.Model([source, target], x)
    lengths, queries = [4, 7, 2], RNG.integers(1, 9, (3, 5))
    tokens = np.where(np.arange(7) < np.c_[lengths], RNG.integers(1, 9, (3, 7)), 0)
    for row, length in enumerate(lengths):
        expected = model([tokens[row : row + 1, :length], queries[row : row + 1]])
        for outputs in (model([tokens, queries]), model.predict([tokens, queries], verbose=0)):
            np.testing.assert_allclose(outputs[row : row + 1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["multi_head", "plain"])
def test_dropout_preserves_mean(kind):
    if kind == "plain":
        layer, still = layers.Attention(dropout=0.4, seed=1), layers.Attention()
        args = ([np.zeros((1, 2, 3), "float32"), np.ones((1, 4000, 2), "float32"), np.zeros((1, 4000, 3), "float32")],)
        layer.build([one.shape for one in args[0]]), still.build([one.shape for one in args[0]])
    else:
        layer = layers.MultiHeadAttention(2, 4, dropout=0.4, seed=1)
        args = (np.zeros((1, 2, 3), "float32"), np.ones((1, 4000, 3), "float32"))
        layer(*args)
        still = layer
    first, second = (layer(*args, training=True).numpy() for _ in range(2))
    assert (first != second).any()
    np.testing.assert_allclose(first, still(*args, training=False), rtol=0.1, atol=0.05)
    np.testing.assert_array_equal(still(*args), still(*args))


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_training_matches_reference(dropout):
    def losses():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((7, 6))
        attended = layers.MultiHeadAttention(2, 5, dropout=dropout, seed=3)(inputs, inputs, use_causal_mask=True)
        outputs = keras.layers.Dense(1)(layers.Attention()([attended, inputs]))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "mean_squared_error", jit_compile=False)
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(64, 7, 6)), rng.normal(size=(64, 7, 1))
        return model.fit(x, y, epochs=10, batch_size=16, verbose=0, shuffle=False).history["loss"]

    ours = losses()
    with ops.use("reference"):
        counterparts = losses()
    np.testing.assert_allclose(ours, counterparts, rtol=1e-4)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize(
    ("shapes", "masks"),
    [
        pytest.param([(2, 3, 5, 4), (2, 3, 7, 4)], None, marks=SINCE_3_15),
        pytest.param([(5, 4), (7, 4)], None, marks=SINCE_3_15),
        ([(2, 5, 4), (2, 7, 4)], [None, (2, 5, 7)]),
        ([(2, 5, 4), (2, 7, 4)], [(2, 5), (2, 7)]),
    ],
)
def test_attention_input_and_mask_ranks(shapes, masks):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape).astype("float32") for shape in shapes]
    mask = masks and [None if shape is None else (rng.random(shape) < 0.7).astype("float32") for shape in masks]
    if mask:
        mask[1][..., 0] = 1  # every query may attend to a key
    ours, theirs = (kind()(inputs, mask=mask) for kind in (layers.Attention, keras.layers.Attention))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_attention_invalid_masks():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4)).astype("float32")
    for mask in (np.ones((2, 5), bool), [None]):
        with raises_argument_error("mask", expected="a list [query_mask, value_mask] of masks"):
            layers.Attention()([x, x], mask=mask)


def test_subclass_overrides_compute_attention():
    rng = np.random.default_rng(0)

    class Nothing(layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, *arguments, **options):
            output, scores = super()._compute_attention(query, key, value, *arguments, **options)
            return output * 0, scores

    x = rng.normal(size=(2, 5, 4)).astype("float32")
    assert not np.any(Nothing(2, 3)(x, x))
