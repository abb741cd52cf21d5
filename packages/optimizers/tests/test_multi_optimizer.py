"""Tests of several optimizers for one model, and of layer-wise decay."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.optimizers import Lookahead, MultiOptimizer, ScaledUpdates, layerwise_decay
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="Keras has a MultiOptimizer since 3.15"
)


def model_of(*names, seed=3):
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(4, activation="tanh", name=name) for name in names[:-1]]
    return keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1, name=names[-1])], name="net")


def data():
    x = np.random.default_rng(5).normal(size=(64, 3))
    return x, x[:, :1] * x[:, 1:2]


def fit(model, epochs=3):
    return model.fit(*data(), batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def sgd(rate=0.1, **options):
    return keras.optimizers.SGD(rate, **options)


def adam(rate=0.01, **options):
    return keras.optimizers.Adam(rate, **options)


def in_numpy(weights, gradients, rates):
    for number, three in enumerate(gradients, 1):
        for i, (gradient, (kind, rate)) in enumerate(zip(three, rates, strict=True)):
            if kind == "sgd":
                weights[i] = weights[i] - rate * gradient
            else:
                history = [each[i] for each in gradients[:number]]
                m = sum(0.1 * 0.9 ** (number - 1 - k) * g for k, g in enumerate(history)) / (1 - 0.9**number)
                v = sum(0.001 * 0.999 ** (number - 1 - k) * g**2 for k, g in enumerate(history)) / (1 - 0.999**number)
                weights[i] = weights[i] - rate * m / (np.sqrt(v) + 1e-7)
    return weights


@pytest.mark.parametrize("jit", [False, True])
def test_optimizer_per_variable(jit):
    rng = np.random.default_rng(4)
    weights, gradients = rng.normal(size=(3, 5)), rng.normal(size=(20, 3, 5))
    variables = [keras.Variable(w, dtype="float32", name=name) for w, name in zip(weights, "abc", strict=True)]
    several = MultiOptimizer([(sgd(0.1), ["a", "c"]), (adam(0.02, epsilon=1e-7), "b")])
    several.build(variables)
    step = tf.function(several.apply, jit_compile=jit)
    for three in gradients:
        step([tf.constant(gradient, tf.float32) for gradient in three])
    expected = in_numpy(list(weights), gradients, [("sgd", 0.1), ("adam", 0.02), ("sgd", 0.1)])
    np.testing.assert_allclose(variables, expected, rtol=1e-3, atol=1e-4)
    scaled = [keras.Variable(w, dtype="float32", name=name) for w, name in zip(weights, "abc", strict=True)]
    one = ScaledUpdates(adam(0.02, epsilon=1e-7), {"a": 0.5, "c": 2.0})
    one.build(scaled)
    step = tf.function(one.apply, jit_compile=jit)
    for three in gradients:
        step([tf.constant(gradient, tf.float32) for gradient in three])
    expected = in_numpy(list(weights), gradients, [("adam", 0.01), ("adam", 0.02), ("adam", 0.04)])
    np.testing.assert_allclose(scaled, expected, rtol=1e-3, atol=1e-4)


def test_layers_patterns_and_lists():
    """All forms are equivalent, also to the MultiOptimizer of Keras."""
    curves = []
    for whats in (
        lambda model: (model.layers[:2], model.layers[2]),
        lambda model: (["first", "second"], "head"),
        lambda model: ([model.layers[0], "second/"], ["^net/head/.*$"]),
    ):
        model = model_of("first", "second", "head")
        body, head = whats(model)
        model.compile(MultiOptimizer([(adam(), body), (sgd(), head)]), "mse", jit_compile=False)
        curves.append(fit(model))
    model = model_of("first", "second", "head")
    both = keras.optimizers.OptimizerMap(sgd(), {"net/(first|second)/.*": adam()})
    model.compile(keras.optimizers.MultiOptimizer(both), "mse", jit_compile=False)
    curves.append(fit(model))
    for curve in curves[1:]:
        np.testing.assert_allclose(curve, curves[0], rtol=1e-6)


def test_nested_models_built_later():
    body = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(4)])
    head = keras.layers.Dense(1)
    model = keras.Sequential([body, head])
    several = MultiOptimizer([(adam(), body), (sgd(), head)])
    with pytest.raises(ValueError, match="built layers"):
        several.get_config()
    model.compile(several, "mse", jit_compile=False)
    fit(model, epochs=1)
    assert [len(optimizer.variables) for optimizer in several.optimizers] == [2 + 2 * 4, 2]


@pytest.mark.slow
@pytest.mark.parametrize("scaled", [False, True])
def test_resume_from_file(scaled, tmp_path):
    """Pairs with layers are saved as paths, with inner wrappers and outer loss scaling."""

    def make():
        model = model_of("first", "second", "head")
        several = MultiOptimizer([(Lookahead(adam(), 2), model.layers[:2]), (sgd(momentum=0.9), "head")])
        model.compile(keras.optimizers.LossScaleOptimizer(several) if scaled else several, "mse", jit_compile=False)
        return model

    model = make()
    fit(model)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    other = make()
    fit(other, epochs=1)
    other.load_weights(tmp_path / "model.weights.h5")
    goes_on = fit(model)
    np.testing.assert_allclose(fit(loaded), goes_on, rtol=1e-5)
    np.testing.assert_allclose(fit(other), goes_on, rtol=1e-5)


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        (
            lambda model: [(sgd(), "haed"), (adam(), ".")],
            {
                "name": "optimizers_and_layers",
                "received": "'haed'",
                "expected": "match at least one of the trainable variables",
            },
        ),
        (
            lambda model: [(sgd(), model.layers[0])],
            {
                "name": "optimizers_and_layers",
                "expected": "contain an optimizer for every variable, including 'net/head/kernel'",
            },
        ),
        (
            lambda model: [(sgd(name="one"), "."), (adam(name="two"), "head")],
            {"name": "optimizers_and_layers", "expected": "contain a single entry for 'net/head/kernel'"},
        ),
        (
            lambda model: [(sgd(), keras.layers.Dense(3)), (adam(), ".")],
            {"name": "optimizers_and_layers", "expected": "match at least one of the trainable variables"},
        ),
    ],
)
def test_pairs_not_matching_model(pairs, error):
    """The error is raised before anything is changed."""
    model = model_of("first", "head")
    before = model.get_weights()
    model.compile(MultiOptimizer(pairs(model)), "mse", jit_compile=False)
    with raises_argument_error(**error):
        fit(model)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_invalid_pairs():
    one = sgd()
    for pairs, error in (
        (
            [("sgd", ".")],
            {"name": "optimizers_and_layers", "received": "'sgd'", "expected": "contain single optimizers, not a"},
        ),
        ([(one, 3)], {"name": "optimizers_and_layers", "received": "3", "expected": "a list of pairs"}),
        ([(one, "norm(")], {"name": "optimizers_and_layers", "remedy": "re.escape"}),
        ([(one, "a"), (one, "b")], {"name": "optimizers_and_layers", "expected": "distinct optimizers"}),
        (
            [(keras.optimizers.LossScaleOptimizer(one), ".")],
            {
                "name": "optimizers_and_layers",
                "expected": "contain single optimizers, not a MultiOptimizer or LossScaleOptimizer",
            },
        ),
        (
            [(MultiOptimizer([(one, ".")]), ".")],
            {
                "name": "optimizers_and_layers",
                "expected": "contain single optimizers, not a MultiOptimizer or LossScaleOptimizer",
            },
        ),
        ([], {"name": "optimizers_and_layers", "expected": "a list of pairs"}),
    ):
        with raises_argument_error(**error):
            MultiOptimizer(pairs)


def test_layerwise_decay(tmp_path):
    """The result equals that of several optimizers with these learning rates, also after loading.

    The inner optimizer is one whose updates do not depend on the scale of gradients.
    """
    curves = []
    for decayed in (True, False):
        model = model_of("first", "second", "head")
        rates = [0.0025, 0.005, 0.01]
        pairs = [(adam(rate), layer) for rate, layer in zip(rates, model.layers, strict=True)]
        model.compile(
            layerwise_decay(model, adam(0.01), 0.5) if decayed else MultiOptimizer(pairs), "mse", jit_compile=False
        )
        curves.append(fit(model))
    np.testing.assert_allclose(*curves, rtol=1e-5)
    model = model_of("first", "second", "head")
    model.compile(layerwise_decay(model, adam(0.01), 0.5), "mse", jit_compile=False)
    fit(model, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(fit(loaded, epochs=2), curves[0][1:], rtol=1e-5)
    plain = model_of("first", "second", "head")
    plain.compile(adam(0.01), "mse", jit_compile=False)
    assert abs(fit(plain)[-1] - curves[0][-1]) > 1e-3  # the decay has an effect


def test_layerwise_decay_order():
    """Nested models are expanded, layers without weights are skipped, and frozen layers are counted."""
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="b")])
    layers = [inner, keras.layers.ReLU(), keras.layers.Dense(3, name="c"), keras.layers.Dense(1, name="d")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    layers[2].trainable = False
    scales = layerwise_decay(model, "adam", 0.1).get_config()["scales"]
    found = {pattern.split("/")[-2].removeprefix(")"): scale for pattern, scale in scales.items()}
    assert found == pytest.approx({"a": 0.001, "b": 0.01})
    for given, factor, error in (
        (model, 0.0, {"name": "factor", "expected": "a positive number"}),
        (keras.Sequential([layers[1]]), 0.5, {"name": "model", "expected": "built"}),
    ):
        with raises_argument_error(**error):
            layerwise_decay(given, "adam", factor)


@pytest.mark.parametrize(
    ("scales", "error"),
    [
        (
            {"haed": 0.5},
            {"name": "scales", "received": "'haed'", "expected": "match at least one of the trainable variables"},
        ),
        ({"head": 0.5, "kernel": 0.1}, {"name": "scales", "expected": "contain a single entry for 'net/head/kernel'"}),
        ({"norm(": 0.5}, {"name": "scales", "remedy": "re.escape"}),
        ({"head": -0.5}, {"name": "scales['head']", "expected": "a non-negative number"}),
    ],
)
def test_invalid_scales(scales, error):
    model = model_of("first", "head")
    with raises_argument_error(**error):
        ScaledUpdates("adam", scales).build(model.trainable_variables)


def test_freezing_and_unfreezing_layers():
    """An optimizer receives the gradients of the trainable layers; a frozen layer is unchanged until unfrozen."""
    model = model_of("body", "head")
    model.compile(MultiOptimizer([(sgd(), model.layers[0]), (adam(), "head")]), "mse", jit_compile=False)
    fit(model, epochs=1)
    optimizer, body = model.optimizer, model.layers[0]
    for trainable in (False, True):
        body.trainable = trainable
        model.compile(optimizer, "mse", jit_compile=False)
        before = body.get_weights()[0]
        fit(model, epochs=1)
        assert np.array_equal(before, body.get_weights()[0]) is not trainable
    assert [int(each.iterations) for each in optimizer.optimizers] == [8, 12]


def nested(*names):
    """Return two models of one layer each, composed, with one optimizer each."""
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((3,))
    parts = []
    for position, name in enumerate(names):
        inner = keras.Input((3,))
        parts.append(keras.Model(inner, keras.layers.Dense(3, name=name)(inner), name=f"part_{position}"))
        x = parts[-1](x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(x), name="net")
    model.compile(MultiOptimizer([(sgd(), parts[0]), (adam(), [parts[1], model.layers[-1]])]), "mse", jit_compile=False)
    return model


def test_config_before_training():
    first, second = nested("one", "two"), nested("one", "two")
    second.compile(MultiOptimizer.from_config(first.optimizer.get_config()), "mse", jit_compile=False)
    np.testing.assert_array_equal(fit(second), fit(first))


def test_duplicate_layer_paths():
    with raises_argument_error("optimizers_and_layers", expected="contain only layers with distinct paths in order"):
        nested("dense", "dense").optimizer.get_config()


def test_multi_optimizer_in_wrapper_is_rejected():
    with raises_argument_error("optimizer", expected="a single optimizer"):
        Lookahead(MultiOptimizer([(sgd(), ".")]))


def test_layers_without_variables():
    """A list of layers may contain inputs, activations and frozen layers, such as a slice of `model.layers`."""
    inputs = keras.Input((3,))
    hidden = keras.layers.ReLU()(keras.layers.Dense(4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    fast, slow = keras.optimizers.SGD(1.0), keras.optimizers.SGD(0.0)
    optimizer = MultiOptimizer([(slow, model.layers[:3]), (fast, model.layers[3:])])
    before = [variable.numpy() for variable in model.variables]
    optimizer.apply([np.ones(variable.shape) for variable in model.variables], model.trainable_variables)
    moved = [not np.array_equal(old, new) for old, new in zip(before, model.variables, strict=True)]
    assert moved == [False, False, True, True]
