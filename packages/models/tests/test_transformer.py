"""Transformer: outputs compared with NumPy, its structure with the paper, and steps with whole models."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from tensorsmith.layers import Dense, LayerNormalization, MultiHeadAttention
from tensorsmith.models import transformer, transformer_step
from tensorsmith.testing import raises_argument_error

SOURCE_VOCABULARY, TARGET_VOCABULARY = 31, 23
SOURCE = np.array([[5, 7, 9, 3, 0], [6, 4, 0, 0, 0], [8, 2, 5, 30, 11]], "int32")
TARGET = np.array([[1, 4, 6, 0], [1, 9, 22, 3], [1, 0, 0, 0]], "int32")
OTHER_ROWS = r"state must have\] \[2\] \[rows, one for each token, got\] \[{}\]"


def small(normalize_first=False, target_vocabulary=TARGET_VOCABULARY):
    """Returns a Transformer with random biases and scales as well, so that all weights have an effect."""
    options = {"width": 0.125, "blocks": 2, "dropout": 0.1, "normalize_first": normalize_first}
    model = transformer("base", SOURCE_VOCABULARY, target_vocabulary, **options)
    for seed, weight in enumerate(model.weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    return model


def normalized(x, scale, shift):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * scale + shift


def positions(steps, features):
    angles = np.arange(steps)[:, None] / 10_000 ** (np.arange(0, features, 2) / features)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(steps, features)


def attended(layer, x, memory, visible):
    weights = [weight.numpy().astype("float64") for weight in layer.weights]
    query, key, value = (
        np.einsum("btf,fhd->bhtd", each, kernel) + bias[:, None]
        for each, kernel, bias in zip((x, memory, memory), weights[0:6:2], weights[1:6:2], strict=True)
    )
    scores = query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1])
    mean = softmax(np.where(visible[:, None], scores, -np.inf), axis=-1) @ value
    return np.einsum("bhtd,hdf->btf", mean, weights[6]) + weights[7]


def reference(model, source, target, normalize_first):
    """Returns the logits in float64, from the weights of the layers of each sublayer."""
    parts = {layer.name: layer for layer in model.layers}
    arrays = {name: [w.numpy().astype("float64") for w in layer.weights] for name, layer in parts.items()}

    def residual(x, name, sublayer):
        if normalize_first:
            return x + sublayer(normalized(x, *arrays[f"{name}_normalization"]))
        return normalized(x + sublayer(x), *arrays[f"{name}_normalization"])

    def dense(x, name):
        hidden, output = arrays[f"{name}_hidden"], arrays[f"{name}_output"]
        return np.maximum(x @ hidden[0] + hidden[1], 0) @ output[0] + output[1]

    def embedded(tokens, name):
        table = arrays[name][0]
        return table[tokens] * np.sqrt(table.shape[1]) + positions(tokens.shape[1], table.shape[1])

    x, visible = embedded(source, "source_embedding"), (source != 0)[:, None]
    for block in ("encoder_0", "encoder_1"):
        layer = parts[f"{block}_attention"]
        x = residual(x, f"{block}_attention", lambda x, layer=layer: attended(layer, x, x, visible))
        x = residual(x, f"{block}_dense", lambda x, block=block: dense(x, block))
    memory = normalized(x, *arrays["encoder_normalization"]) if normalize_first else x
    x, steps = embedded(target, "target_embedding"), target.shape[1]
    causal = np.tri(steps, dtype=bool)[None] & (target != 0)[:, None]
    for block in ("decoder_0", "decoder_1"):
        layer, other = parts[f"{block}_attention"], parts[f"{block}_source_attention"]
        x = residual(x, f"{block}_attention", lambda x, layer=layer: attended(layer, x, x, causal))
        x = residual(x, f"{block}_source_attention", lambda x, other=other: attended(other, x, memory, visible))
        x = residual(x, f"{block}_dense", lambda x, block=block: dense(x, block))
    x = normalized(x, *arrays["decoder_normalization"]) if normalize_first else x
    return x @ arrays["target_embedding"][0].T


@pytest.mark.parametrize("normalize_first", [False, True])
def test_outputs_are_those_of_numpy(normalize_first):
    """Padding at the end of the source has no effect. Logits of padded target steps are arbitrary."""
    model = small(normalize_first)
    expected = reference(model, SOURCE, TARGET, normalize_first)
    found = tf.function(model)({"source": SOURCE, "target": TARGET})
    np.testing.assert_allclose(found[TARGET != 0], expected[TARGET != 0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("blocks", [2, 6])
def test_structure_of_the_paper(blocks):
    """N + N blocks have 3N attention layers, N of which are masked, 2N feed-forward layers and 5N sums."""
    model = transformer("base", 11, 13, width=0.125, blocks=blocks)
    calls = {each["name"]: each["inbound_nodes"] for each in model.get_config()["layers"]}
    found = {
        kind: [each for each in model.layers if isinstance(each, kind)]
        for kind in (MultiHeadAttention, LayerNormalization, Dense, keras.layers.Add, keras.layers.ReversibleEmbedding)
    }
    causal = [
        each.name
        for each in found[MultiHeadAttention]
        if all(call["kwargs"]["use_causal_mask"] for call in calls[each.name])
    ]
    assert causal == [f"decoder_{block}_attention" for block in range(blocks)]
    assert len(found[MultiHeadAttention]) == 3 * blocks
    assert sorted(each.units for each in found[Dense]) == [64] * 2 * blocks + [256] * 2 * blocks
    assert sum(each.activation is keras.activations.relu for each in found[Dense]) == 2 * blocks
    assert len(found[LayerNormalization]) == len(found[keras.layers.Add]) == 5 * blocks
    # Each embedding of tokens is called once, and that of the target a second time for the logits.
    assert [len(calls[each.name]) for each in found[keras.layers.ReversibleEmbedding]] in ([1, 2], [2, 1])


@pytest.mark.slow  # allocates 250 MB
def test_parameters_of_the_base_model():
    """The sum of the sizes of all weights. The paper states 65 million, for a vocabulary of about 37,000 tokens."""
    model = transformer()
    shapes = [(37_000, 512)] + 6 * (
        3 * (4 * [(512, 512), (512,)])  # queries, keys, values and outputs of three attentions
        + 2 * [(512, 2048), (2048,), (2048, 512), (512,)]
        + 5 * [(512,), (512,)]
    )
    assert model.count_params() == sum(map(math.prod, shapes)) == 63_082_496


def test_parameters_of_the_paper():
    """Table 3 of the paper: 65 and 213 million with a shared vocabulary of about 37,000 tokens, rounded."""
    for size, features, hidden, published in (("base", 512, 2048, 65e6), ("big", 1024, 4096, 213e6)):
        attention = 4 * (features**2 + features)
        dense = 2 * features * hidden + hidden + features
        one = (3 * attention + 2 * dense) + 5 * 2 * features  # a block of the encoder and one of the decoder
        built = transformer(size, 11, width=0.125, blocks=1)
        assert built.count_params() == 11 * features // 8 + (
            3 * 4 * ((features // 8) ** 2 + features // 8)
            + 2 * (2 * features * hidden // 64 + hidden // 8 + features // 8)
            + 10 * features // 8
        )
        assert abs(37_000 * features + 6 * one - published) < 0.035 * published


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("loaded", [False, True])
def test_steps_equal_the_whole_model(normalize_first, loaded, tmp_path):
    model = small(normalize_first)
    target = np.random.default_rng(0).integers(1, TARGET_VOCABULARY, (3, 6), "int32")
    expected = model({"source": SOURCE, "target": target})
    if loaded:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    step, state = transformer_step(model, SOURCE, length=6)
    for position in range(6):
        logits, state = step(target[:, position], state)
        np.testing.assert_allclose(logits, expected[:, position], rtol=1e-4, atol=1e-5)
    for run in (step, tf.function(step)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="The cache of 6 tokens is full"):
            run(target[:, 0], state)


def test_several_rows_for_each_source():
    """The state of each source sequence is repeated, as in a beam search."""
    model = small(target_vocabulary=None)
    target = np.random.default_rng(0).integers(1, TARGET_VOCABULARY, (6, 4), "int32")

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
    def run(source, target):
        step, state = transformer_step(model, source, length=9)
        state, found = tf.nest.map_structure(lambda each: tf.repeat(each, 2, axis=0), state), []
        for position in range(4):
            logits, state = step(target[:, position], state)
            found.append(logits)
        return tf.stack(found, axis=1)

    expected = model({"source": SOURCE.repeat(2, axis=0), "target": target})
    np.testing.assert_allclose(run(SOURCE, target), expected, rtol=1e-4, atol=1e-5)


def test_states_of_another_batch_size():
    """Rows of tokens that the state lacks would be read as steps."""
    model = small()
    step, state = transformer_step(model, SOURCE[:1])
    for run in (step, tf.function(step)):
        with raises_argument_error("state", received="1", expected="have 2 rows, one for each token"):
            run(TARGET[:2, 0], state)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)])
    def unknown(source, tokens):
        return (lambda step, state: step(tokens, state)[0])(*transformer_step(model, source))

    assert unknown(SOURCE[:2], TARGET[:2, 0]).shape == (2, TARGET_VOCABULARY)
    for rows in (1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=OTHER_ROWS.format(rows)):
            unknown(SOURCE[:rows], TARGET[:2, 0])


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("wrapped", [False, True], ids=["eager", "graph"])
def test_rows_of_padding_only(wrapped, normalize_first):
    """Neither outputs nor gradients contain NaN."""
    model = small(normalize_first)

    def run():
        with tf.GradientTape() as tape:
            outputs = model({"source": tf.zeros((2, 3), "int32"), "target": tf.zeros((2, 4), "int32")}, training=True)
            loss = tf.reduce_sum(outputs**2)
        return [outputs, *tape.gradient(loss, [weight.value for weight in model.trainable_weights])]

    for each in (tf.function(run) if wrapped else run)():
        assert np.isfinite(tf.convert_to_tensor(each)).all()


def test_sequences_longer_than_those_before():
    """The positional encoding has no limit."""
    model = small()
    rng = np.random.default_rng(0)
    source, target = (rng.integers(1, TARGET_VOCABULARY, (1, steps), "int32") for steps in (300, 280))
    found = model({"source": source, "target": target})
    np.testing.assert_allclose(found, reference(model, source, target, False), rtol=1e-3, atol=1e-3)


def test_other_arguments_are_refused():
    model = small()
    with raises_argument_error("model", expected="a model of `transformer`"):
        transformer_step(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), SOURCE)
    with raises_argument_error("source", expected="have shape (batch, steps)"):
        transformer_step(model, SOURCE[0])
    with raises_argument_error("length", expected="a positive integer"):
        transformer_step(model, SOURCE, length=0)
