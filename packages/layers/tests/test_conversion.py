"""Tests of copies of trained models: replaced and copied layers, and equal outputs."""

import keras
import numpy as np
import pytest

from tensorsmith import layers
from tensorsmith.layers import (
    DenseTranspose,
    MCAlphaDropout,
    MCDropout,
    Standardization,
    convert_layers,
    fold_batch_normalization,
    to_monte_carlo,
)
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

RNG = np.random.default_rng(0)


@pytest.fixture
def nested_model(scrambled):
    """Returns a functional model with a Sequential model that is used twice, a sum, and all kinds of dropout."""
    inner = keras.Sequential([keras.Input((6, 4)), keras.layers.Dense(4, "tanh"), keras.layers.Dropout(0.3)])
    first, second = keras.Input((6, 4), name="a"), keras.Input((6, 4), name="b")
    x = inner(first) + 2 * inner(second)
    x = keras.layers.SpatialDropout1D(0.4, seed=1)(keras.layers.BatchNormalization()(x))
    x = keras.layers.AlphaDropout(0.2)(x)
    x = keras.layers.Concatenate()([x, keras.layers.LSTM(3, return_sequences=True)(x)])
    return scrambled(keras.Model({"a": first, "b": second}, [x, keras.layers.Dense(2)(x)]))


def inputs(size=3):
    return {name: RNG.normal(size=(size, 6, 4)).astype("float32") for name in "ab"}


def leaves(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def test_copy_has_equal_outputs_and_separate_weights(nested_model, scrambled):
    model, x = nested_model, inputs()
    copy = convert_layers(model, lambda layer: layer)
    for one, other in zip(model(x), copy(x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in copy.weights}
    assert [weight.path for weight in copy.weights] == [weight.path for weight in model.weights]
    before = [value.numpy() for value in model(x)]
    scrambled(copy)
    for one, other in zip(before, model(x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_replaced_and_removed_layers(scrambled):
    model = scrambled(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "relu"), keras.layers.Rescaling(5.0)]))

    def convert(layer):
        if isinstance(layer, keras.layers.Rescaling):
            return None
        return keras.layers.Dense.from_config({**layer.get_config(), "activation": "exponential"})

    copy = convert_layers(model, convert)
    assert isinstance(copy, keras.Sequential)
    assert len(copy.layers) == 1
    x = RNG.normal(size=(4, 3)).astype("float32")
    kernel, bias = (weight.numpy() for weight in model.weights)
    np.testing.assert_allclose(copy(x), np.exp(x @ kernel + bias), rtol=1e-5)


def test_replaced_classes(nested_model):
    copy = convert_layers(nested_model, {keras.layers.LSTM: layers.LSTM, keras.layers.Dropout: MCDropout})
    names = [type(layer).__name__ for layer in leaves(copy)]
    assert [names.count(name) for name in ("MCDropout", "Dropout")] == [1, 0]
    assert {type(layer) for layer in leaves(copy) if type(layer).__name__ == "LSTM"} == {layers.LSTM}
    assert [weight.shape for weight in copy.weights] == [weight.shape for weight in nested_model.weights]
    with raises_argument_error("convert", expected="a dict of layer classes, or a function"):
        convert_layers(nested_model, {"LSTM": layers.LSTM})


def with_states(stateful):
    """Returns a function for `convert_layers` that changes whether recurrent layers are stateful."""

    def convert(layer):
        if not isinstance(layer, keras.layers.RNN):
            return layer
        return type(layer).from_config({**layer.get_config(), "stateful": stateful})

    return convert


@pytest.mark.parametrize("module", [keras.layers, layers], ids=["keras", "ours"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_stateful_model_becomes_stateless_and_stateful(scrambled, kind, module):
    """Tests that states are carried over in stateful models only, and that all models have the same weights."""
    begin = keras.Input(batch_shape=(4, None, 3))
    inner = keras.Sequential([keras.Input(batch_shape=(4, None, 5)), getattr(module, kind)(2, stateful=True)])
    outputs = inner(getattr(module, kind)(5, stateful=True, return_sequences=True)(begin))
    stateful = scrambled(keras.Model(begin, keras.layers.Dense(2)(outputs)))
    stateless = convert_layers(stateful, with_states(False), batch_size=None)
    again = convert_layers(stateless, with_states(True), batch_size=4)
    single = convert_layers(stateful, with_states(True), batch_size=1)
    assert [model.output_shape[0] for model in (stateful, stateless, again, single)] == [4, None, 4, 1]
    for other in (stateless, again, single):
        for weight, copied in zip(stateful.weights, other.weights, strict=True):
            np.testing.assert_array_equal(weight, copied)
    x = RNG.normal(size=(4, 6, 3)).astype("float32")
    expected = stateful(x[:, :2]).numpy(), stateful(x[:, 2:]).numpy()
    np.testing.assert_allclose(stateless(x[:1, :2]), expected[0][:1], rtol=1e-5, atol=1e-6)
    for size in (1, 3):  # the second part of a sequence depends on the first one
        np.testing.assert_allclose(stateless(x[:size]), expected[1][:size], rtol=1e-5, atol=1e-6)
    assert np.abs(stateless(x[:, 2:]) - expected[1]).max() > 1e-3
    for part, known in zip((x[:, :2], x[:, 2:]), expected, strict=True):
        np.testing.assert_allclose(again(part), known, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(single(part[:1]), known[:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [0, 2.5, "all", True])
def test_invalid_batch_size(batch_size):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with raises_argument_error("batch_size", expected="a positive integer, None or 'same'"):
        convert_layers(model, lambda layer: layer, batch_size=batch_size)


def test_removed_layers_in_functional_model(scrambled):
    x = keras.Input((3,))
    model = scrambled(keras.Model(x, keras.layers.ReLU()(keras.layers.Dense(2)(keras.layers.Rescaling(2.0)(x)))))
    kinds = (keras.layers.ReLU, keras.layers.Rescaling)
    copy = convert_layers(model, lambda layer: None if isinstance(layer, kinds) else layer)
    x = RNG.normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(copy(x), model.layers[2](x), rtol=1e-6)
    assert [type(layer).__name__ for layer in copy.layers] == ["InputLayer", "Dense"]


def test_built_replacement_keeps_weights(scrambled):
    model = scrambled(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    other = keras.layers.Dense(5)
    other.build((None, 3))
    copy = convert_layers(model, lambda layer: other)
    x = RNG.normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(copy(x), x @ other.kernel.numpy(), rtol=1e-5)


def test_invalid_replacements_and_models():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with raises_argument_error("convert", expected="a function that returns a layer with weights of shapes"):
        convert_layers(model, lambda layer: keras.layers.Dense(3))

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    for bad in (Subclassed(), keras.Sequential([keras.layers.Dense(2)]), "model"):
        with raises_argument_error("model", expected="a built functional", remedy="start a Sequential model"):
            convert_layers(bad, lambda layer: layer)


@keras.saving.register_keras_serializable("test_conversion")
class Doubled(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


@keras.saving.register_keras_serializable("test_conversion")
class Tripled(keras.Model):
    def call(self, inputs, training=None, mask=None):
        return 3 * super().call(inputs, training=training, mask=mask)


def with_calls_of_their_own():
    layers = [keras.Input((3,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
    plain = keras.Sequential(layers)
    return Doubled(layers), Tripled(plain.inputs, plain.outputs)


def test_overridden_call_is_rejected():
    for model in with_calls_of_their_own():
        for convert in (lambda model: convert_layers(model, lambda layer: layer), fold_batch_normalization):
            with pytest.raises(ValueError, match="model must .*functional or Sequential.*got (Doubled|Tripled)"):
                convert(model)


def test_nested_model_with_overridden_call():
    doubled, _ = with_calls_of_their_own()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), doubled])
    x = RNG.normal(size=(4, 3)).astype("float32")
    for convert in (lambda model: convert_layers(model, lambda layer: layer), fold_batch_normalization):
        np.testing.assert_allclose(convert(model)(x), model(x), rtol=1e-5)


def test_preprocessing_state_is_copied():
    data = RNG.normal(5, 3, size=(50, 4)).astype("float32")
    ours, keras_own = Standardization(), keras.layers.Normalization()
    ours.adapt(data)
    keras_own.adapt(data)
    for layer in (ours, keras_own):
        model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])
        np.testing.assert_allclose(convert_layers(model, lambda each: each)(data), model(data), rtol=1e-6)


@keras.saving.register_keras_serializable("test_conversion")
class WeightsAtInit(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = self.add_weight((), "zeros", name="factor")

    def call(self, x):
        return self.factor * x


def test_weights_created_in_init_are_copied(scrambled):
    model = scrambled(keras.Sequential([keras.Input((4,)), WeightsAtInit()]))
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(convert_layers(model, lambda each: each)(x), model(x))


def test_tied_weights_stay_tied(scrambled):
    dense = keras.layers.Dense(2)
    encoder = keras.Sequential([keras.Input((5,)), dense])
    decoder = keras.Sequential([keras.Input((2,)), DenseTranspose(dense)])
    model = scrambled(keras.Sequential([keras.Input((5,)), encoder, decoder]))
    copy = convert_layers(model, lambda layer: layer)
    assert copy.layers[1].layers[0].dense is copy.layers[0].layers[0]
    assert len(copy.trainable_weights) == 3
    x = RNG.normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(copy(x), model(x))


def test_copy_is_compiled_and_frozen():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, trainable=False), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    copy = convert_layers(model, lambda layer: layer)
    assert [weight.trainable for weight in copy.weights] == [False, False, True, True]
    assert np.isfinite(copy.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0))


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("loss", [keras.losses.Huber(0.3), lambda y, z: keras.ops.mean((y - z) ** 4, axis=-1)])
def test_compiled_with_the_same_loss(loss, nested, sequential):
    """The config of the Keras Huber loss lacks delta, and a lambda cannot be restored from its config."""

    def make(layer, **options):
        inputs = keras.Input((3,))
        return keras.Sequential([inputs, layer]) if sequential else keras.Model(inputs, layer(inputs))

    model = make(keras.layers.Dense(2))
    model.compile(keras.optimizers.SGD(0.25), loss, loss_weights=[2.0], metrics=["mae"], steps_per_execution=3)
    copy = convert_layers(make(model) if nested else model, lambda layer: layer)
    copy = copy.layers[-1] if nested else copy
    x, y = RNG.normal(size=(4, 3)), 5 * RNG.normal(size=(4, 2))
    assert model.compiled
    assert copy.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert copy.optimizer is not model.optimizer
    assert float(copy.optimizer.learning_rate) == 0.25
    assert copy.steps_per_execution == 3


def test_unserializable_metrics_leave_copy_uncompiled(scrambled):
    model = scrambled(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    model.compile("sgd", "mse", metrics=[lambda y, z: keras.ops.mean(y - z)])
    with pytest.warns(UserWarning, match="is not compiled, do so before you train it: .*lambda"):
        copy = convert_layers(model, lambda layer: layer)
    assert not copy.compiled
    np.testing.assert_array_equal(copy(np.ones((1, 3))), model(np.ones((1, 3))))


def test_dropout_is_active_in_inference(nested_model):
    model, x = nested_model, inputs(200)
    copy = to_monte_carlo(model)
    assert sum(isinstance(layer, MCDropout) for layer in leaves(copy)) == 2
    assert sum(isinstance(layer, MCAlphaDropout) for layer in leaves(copy)) == 1
    first, second = (copy.predict(x, verbose=0)[0] for _ in range(2))
    assert (first != second).any()
    for one, other in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(*(model.predict(x, verbose=0)[0] for _ in range(2)))


@keras.saving.register_keras_serializable("tensorsmith_tests")
class MyDropout(keras.layers.Dropout):
    """User-defined dropout."""


@keras.saving.register_keras_serializable("tensorsmith_tests")
class Block(keras.layers.Layer):
    """Layer with dropout that is not a layer of the model."""

    def __init__(self, kind="Dropout", **kwargs):
        super().__init__(**kwargs)
        self.parts = {"all": [keras.layers.Dense(3), getattr(layers, kind, getattr(keras.layers, kind, None))(0.5)]}

    def build(self, input_shape):
        self.parts["all"][0].build(input_shape)

    def call(self, inputs, training=None):
        dense, dropout = self.parts["all"]
        return dropout(dense(inputs), training=training)


def recurrent(kind, module=keras.layers, **options):
    return lambda: getattr(module, kind)(4, return_sequences=True, **options)


DROPPING = {
    "GaussianDropout": lambda: keras.layers.GaussianDropout(0.5),
    "ScheduledDropout": lambda: layers.ScheduledDropout(0.5),
    "a subclass": lambda: MyDropout(0.5),
    "in TimeDistributed": lambda: keras.layers.TimeDistributed(keras.layers.Dropout(0.5)),
    "in Bidirectional": lambda: keras.layers.Bidirectional(keras.layers.LSTM(4, recurrent_dropout=0.5)),
    "stacked cells": lambda: keras.layers.RNN([keras.layers.GRUCell(3), keras.layers.LSTMCell(3, dropout=0.5)]),
    "a cell of ours": lambda: keras.layers.RNN(layers.PeepholeLSTMCell(3, dropout=0.5)),
    **{
        f"{kind} of {module.__name__}, {name}": recurrent(kind, module, **{name: 0.5})
        for module in (keras.layers, layers)
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for name in ("dropout", "recurrent_dropout")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_stochastic_layers_are_wrapped(make):
    """Draws differ between calls and within a batch, while the original model is deterministic."""
    model = keras.Sequential([keras.Input((5, 4)), make()])
    x = np.repeat(RNG.normal(size=(1, 5, 4)).astype("float32"), 300, 0)
    copy = to_monte_carlo(model)
    assert type(copy.layers[0]) is layers.MonteCarlo
    assert copy.layers[0].name == model.layers[0].name
    np.testing.assert_array_equal(*(model.predict(x, verbose=0) for _ in range(2)))
    first, second = (copy.predict(x, verbose=0) for _ in range(2))
    assert (first != second).any()
    assert (np.abs(first - first[0]) > 0).any()  # each sequence has its own mask
    for one, other in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_attention_dropout_is_active():
    x = keras.Input((5, 4))
    model = keras.Model(x, keras.layers.MultiHeadAttention(2, 3, dropout=0.5)(x, x))
    data = np.ones((2, 5, 4), "float32")
    assert (np.ptp([to_monte_carlo(model)(data) for _ in range(2)], axis=0) > 0).any()


def test_masks_and_states_reach_recurrent_layers():
    """Masked steps do not affect the output, and the initial state does."""
    lstm = keras.layers.LSTM(3, recurrent_dropout=0.3, seed=1)
    words, steps, *states = keras.Input((5,), dtype="int32"), keras.Input((2, 4)), keras.Input((3,)), keras.Input((3,))
    embedding = keras.layers.Embedding(9, 4, mask_zero=True)
    masked = to_monte_carlo(keras.Model(words, lstm(embedding(words))))
    begun = to_monte_carlo(keras.Model([steps, *states], lstm(steps, initial_state=states)))
    cut = embedding(np.array([[4, 3]] * 50)).numpy()
    begin = [np.full((50, 3), value, "float32") for value in (0.5, -0.5)]
    expected = lstm(cut, training=True)
    lstm.cell.seed_generator.state.assign([1, 0])
    np.testing.assert_allclose(masked(np.array([[4, 3, 0, 0, 0]] * 50)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        begun([cut, *begin]), lstm(cut, initial_state=begin, training=True), rtol=1e-5, atol=1e-6
    )


def test_nested_dropout_error_message():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), Block(name="block")])
    with raises_argument_error("model", received="dropout in block/dropout", expected="use separate layers"):
        to_monte_carlo(model)
    wrapped = keras.Sequential([keras.Input((3,)), layers.MonteCarlo(Block())])
    assert (np.ptp([wrapped(np.ones((2, 3))) for _ in range(2)], axis=0) > 0).any()
    to_monte_carlo(wrapped)
    to_monte_carlo(keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), Block("MCDropout")]))


@pytest.mark.parametrize(
    ("kind", "shape", "shared"),
    [
        ("SpatialDropout1D", (5, 40), 1),
        ("SpatialDropout2D", (5, 4, 40), (1, 2)),
        ("SpatialDropout3D", (2, 3, 2, 40), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_maps(kind, shape, shared):
    model = keras.Sequential([keras.Input(shape), getattr(keras.layers, kind)(0.5, seed=1)])
    y = to_monte_carlo(model)(np.ones((20, *shape), "float32")).numpy()
    assert set(np.unique(y)) == {0, 2}
    np.testing.assert_array_equal(y.max(shared), y.min(shared))
    np.testing.assert_allclose(y.mean(), 1, atol=5 / np.sqrt(800))


def test_spatial_dropout_channels_first():
    model = keras.Sequential([keras.Input((40, 3, 4)), keras.layers.SpatialDropout2D(0.5, "channels_first", seed=1)])
    y = to_monte_carlo(model)(np.ones((20, 40, 3, 4), "float32")).numpy()
    np.testing.assert_array_equal(y.max((2, 3)), y.min((2, 3)))
    assert set(np.unique(y)) == {0, 2}


def test_mean_and_variance_of_predictions(scrambled):
    """The output is linear, a sum of w x m / (1 - p) with known mean and variance."""
    model = scrambled(keras.Sequential([keras.Input((30,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]))
    copy = to_monte_carlo(model)
    x = RNG.normal(size=(1, 30)).astype("float32")
    draws = copy(np.repeat(x, 4000, 0)).numpy()[:, 0]
    variance = float(np.sum((x[0] * model.layers[1].kernel.numpy()[:, 0]) ** 2))  # p / (1 - p) = 1
    assert abs(draws.mean() - float(model(x)[0, 0])) < 5 * np.sqrt(variance / 4000)
    np.testing.assert_allclose(draws.var(), variance, rtol=0.15)


def test_model_without_dropout_and_repeated_conversion(tmp_path, nested_model):
    with raises_argument_error("model", expected="contain dropout layers"):
        to_monte_carlo(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    copy = to_monte_carlo(to_monte_carlo(nested_model))
    copy.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert sum(isinstance(layer, MCDropout) for layer in leaves(loaded)) == 2


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("training", [None, False, True])
def test_alpha_dropout_formula(rate, training):
    x = RNG.normal(size=(300, 300)).astype("float32")
    y = MCAlphaDropout(rate, seed=3)(x, training=training).numpy()
    limit = -1.0507009873554805 * 1.6732632423543772  # -lambda alpha
    keep = 1 - rate
    a = (keep + limit**2 * keep * (1 - keep)) ** -0.5
    b = -a * (1 - keep) * limit
    dropped = np.isclose(y, a * limit + b, atol=1e-5)
    np.testing.assert_allclose(y[~dropped], a * x[~dropped] + b, atol=1e-5)
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * keep / x.size)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=0.02)
