"""Tests of `accelerate` and `decelerate` against the unchanged models of Keras."""

import inspect
import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers, ops
from tensorsmith.layers import Dropout, accelerate, decelerate
from tensorsmith.layers._support.inner_layers import inner_layers
from tensorsmith.layers.conversion.accelerate import ACCELERATED
from tensorsmith.testing import raises_argument_error

kl = keras.layers


def stacked():
    return keras.Sequential([keras.Input((7, 5)), kl.LSTM(4, return_sequences=True), kl.SimpleRNN(3), kl.Dense(2)])


def text():
    """Model of padded text, with masks, and layers inside wrappers."""
    words = keras.Input((7,), dtype="int32")
    x = kl.Embedding(9, 5, mask_zero=True)(words)
    x = kl.Bidirectional(kl.GRU(4, return_sequences=True))(x)
    x = kl.GRU(4, return_sequences=True, go_backwards=True)(x)
    x = kl.TimeDistributed(kl.LayerNormalization())(x)
    return keras.Model(words, kl.Attention()([x, x]))


def transformer():
    """Two nested blocks, and a block that is used twice."""
    inputs = keras.Input((7,), dtype="int32")
    x = kl.Embedding(9, 8)(inputs)

    def block():
        start = keras.Input((7, 8))
        attended = kl.MultiHeadAttention(2, 4)(start, start, use_causal_mask=True)
        return keras.Model(start, kl.RMSNormalization()(kl.LayerNormalization()(start + attended)))

    shared = block()
    return keras.Model(inputs, shared(shared(block()(x))))


class Subclassed(keras.Model):
    """Model with layers in attributes, lists and dicts."""

    def __init__(self):
        super().__init__()
        self.first = kl.LSTM(4, return_sequences=True)
        self.more = [kl.GRU(4, return_sequences=True), kl.LayerNormalization()]
        self.named = {"last": kl.SimpleRNN(3)}

    def call(self, x):
        for layer in (self.first, *self.more, self.named["last"]):
            x = layer(x)
        return x


MODELS = {"stacked": stacked, "text": text, "transformer": transformer, "subclassed": Subclassed}
REPLACED = {"stacked": 2, "text": 5, "transformer": 14, "subclassed": 4}


def data(name):
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 9, (6, 7)) if name in ("text", "transformer") else rng.normal(size=(6, 7, 5)).astype("float32")
    )


def built(name):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    model(data(name))
    return model


def kinds(model):
    return [type(layer) for layer in inner_layers(model)]


def nodes(model, x):
    """Returns the types of the ops in the graph of a model."""
    graph = tf.function(model).get_concrete_function(keras.tree.map_structure(tf.constant, x)).graph
    return {node.type for node in graph.get_operations()}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_those_of_keras(name):
    model, x = built(name), data(name)
    before, expected, variables = kinds(model), model(x), model.variables
    predicted = model.predict(x, verbose=0)

    assert accelerate(model) is model
    assert sum(kind in ACCELERATED.values() for kind in kinds(model)) == REPLACED[name]
    assert not {*kinds(model)} & ({*ACCELERATED} - {kl.Dense, kl.Dropout})  # the dropout of attention has the rate 0
    assert all(new is old for new, old in zip(model.variables, variables, strict=True))
    for output in (model(x), model.predict(x, verbose=0)):
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)

    decelerate(model)
    assert kinds(model) == before
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict(x, verbose=0), predicted)


@pytest.mark.parametrize("normalized", [False, True])
def test_dropout_is_replaced_beside_other_kernels(normalized):
    parts = [kl.LayerNormalization()] if normalized else [kl.Dense(4)]
    model = keras.Sequential([keras.Input((4,)), *parts, kl.Dropout(0.2), kl.Dropout(0.0), kl.Dropout(0.2, (1, 4))])
    accelerate(model)
    found = [type(layer) for layer in model.layers[1:]]
    assert found == [Dropout if normalized else kl.Dropout, kl.Dropout, kl.Dropout]


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_kernels_are_used():
    model = accelerate(built("stacked"))
    assert {"TensorsmithLstm", "TensorsmithSimpleRnn"} <= nodes(model, data("stacked"))


def test_compiled_state_is_kept():
    """Two epochs with the model accelerated in between have the losses of two epochs of Keras."""

    def losses(change):
        model, x = built("stacked"), data("stacked")
        model.compile("adam", "mse", metrics=["mae"], jit_compile=False)
        y = np.random.default_rng(1).normal(size=model(x).shape)
        first = model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history
        change(model)
        second = model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history
        assert model.optimizer.iterations.numpy() == 4
        return [*first["loss"], *second["loss"], *second["mae"]]

    np.testing.assert_allclose(losses(accelerate), losses(lambda model: None), rtol=1e-5)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_xla_is_turned_off():
    model = keras.Sequential([keras.Input((5,)), kl.Dense(3), kl.LayerNormalization()])
    model.compile("sgd", "mse", jit_compile=True)
    assert not accelerate(model).jit_compile
    assert decelerate(model).jit_compile
    accelerate(model).compile("sgd", "mse", jit_compile=False)
    assert not decelerate(model).jit_compile


def test_report(capsys):
    class Ours(kl.LSTM):
        pass

    options = {
        "kept": kl.GRU(3, activation="relu"),
        "double": kl.LSTM(3, dtype="float64"),
        "dropping": kl.LSTM(3, dropout=1.0),
        "derived": Ours(3),
        "features": kl.LayerNormalization(axis=1),
        "windowed": kl.MultiHeadAttention(2, 2, attention_axes=(1, 2)),
    }
    inputs = keras.Input((7, 5))
    outputs = [kl.SimpleRNN(3, name="fast")(inputs)]
    for name, layer in options.items():
        layer.name = name
        outputs.append(layer(inputs, inputs) if name == "windowed" else layer(inputs))
    accelerate(keras.Model(inputs, outputs))
    assert capsys.readouterr().out.splitlines()[:7] == [
        "Replaced 4 EinsumDense (query, key, value, attention_output), 1 SimpleRNN (fast).",
        "kept (GRU) was not replaced: there is no kernel for its activations.",
        "double (LSTM) was not replaced: there is no kernel for float64.",
        "dropping (LSTM) was not replaced: dropout must be a number in [0, 1), got 1.0.",
        "derived (Ours) was not replaced: it is a subclass of LSTM.",
        "features (LayerNormalization) was not replaced: the kernel requires the last axis and no `rms_scaling`.",
        "windowed (MultiHeadAttention) was not replaced: there is no kernel for its options.",
    ]


class Cached(kl.MultiHeadAttention):
    """Attention layer that calls the method of Keras, as the decoders of KerasHub do."""

    def call(self, query, value, key=None, attention_mask=None, training=None):
        query, key, value = self.query_dense(query), self.key_dense(value), self.value_dense(value)
        output, _ = self._compute_attention(query, key, value, attention_mask, training)
        return self.output_dense(output)


class Scaled(kl.MultiHeadAttention):
    """Attention layer that computes attention differently."""

    def _compute_attention(self, *args, **kwargs):
        output, scores = super()._compute_attention(*args, **kwargs)
        return 2 * output, scores


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_subclasses_of_attention(dropout, capsys):
    steps, mask = keras.Input((7, 8)), keras.Input((7, 7), dtype="bool")
    cached, scaled = Cached(2, 4, dropout=dropout, name="cached"), Scaled(2, 4, name="scaled")
    model = keras.Model([steps, mask], scaled(cached(steps, steps, attention_mask=mask), steps))
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(3, 7, 8)).astype("float32"), np.tril(np.ones((3, 7, 7), bool))]
    x[1][2] = False  # queries without visible keys
    expected = model.predict(x, verbose=0)
    accelerate(model)
    report = capsys.readouterr().out
    assert "1 Cached (cached)" in report
    assert "scaled (Scaled) was not replaced: it is a subclass of MultiHeadAttention." in report
    assert type(cached) is Cached
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    assert ("TensorsmithAttention" in nodes(model, x)) == ops.active()
    model.compile("sgd", "mse")
    assert model.jit_compile == (not ops.active())
    assert np.isfinite(model.fit(x, expected, verbose=0).history["loss"]).all()
    decelerate(model)
    assert cached.supports_jit
    assert "1 Cached (cached)" in capsys.readouterr().out
    assert "TensorsmithAttention" not in nodes(model, x)


def test_long_reports_are_shortened(capsys):
    names = [f"norm_{number}" for number in range(9)]
    blocks = [kl.LayerNormalization(name=name) for name in names]
    accelerate(keras.Sequential([keras.Input((5,)), *blocks]))
    assert "Replaced 9 LayerNormalization (norm_0, norm_1, norm_2, norm_3, norm_4, ...)." in capsys.readouterr().out


def test_nothing_to_replace(capsys):
    accelerate(keras.Sequential([keras.Input((5,)), kl.Dense(3)], name="small"))
    assert capsys.readouterr().out.startswith("'small' has no layers that could be replaced.\n")


def test_epsilon_outside_has_no_equivalent(capsys):
    model = keras.Sequential([keras.Input((5,)), layers.LayerNormalization(epsilon_outside=True, name="outside")])
    decelerate(model)
    assert "outside (LayerNormalization) was not replaced: Keras has no `epsilon_outside`." in capsys.readouterr().out


def test_saved_models(tmp_path):
    model, x = built("stacked"), data("stacked")
    expected = model(x)
    for change, package in ((accelerate, "tensorsmith"), (decelerate, "keras")):
        change(model).save(tmp_path / "model.keras")
        with zipfile.ZipFile(tmp_path / "model.keras") as archive:
            config = json.loads(archive.read("config.json"))
        assert config["config"]["layers"][1]["module"].split(".")[0] == package
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change", [accelerate, decelerate])
def test_invalid_models(change):
    with raises_argument_error("model", expected="a Keras model"):
        change(kl.LSTM(3))
    with raises_argument_error("model", expected="built"):
        change(keras.Sequential([kl.LSTM(3)]))


@pytest.mark.parametrize("theirs", ACCELERATED, ids=lambda kind: kind.__name__)
def test_calls_have_the_signatures_of_keras(theirs):
    """Keras decides by the signature which arguments it passes, and stores the decision in the layer."""
    ours = ACCELERATED[theirs]
    assert [*inspect.signature(ours.call).parameters] == [*inspect.signature(theirs.call).parameters]
