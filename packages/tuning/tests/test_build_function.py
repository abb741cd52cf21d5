"""Tests of searches for `build(hp)` functions of KerasTuner."""

import keras
import keras_tuner
import numpy as np
import pytest

import tensorsmith.tuning as tune
from tensorsmith.testing import raises_argument_error

X = np.linspace(-1, 1, 64, dtype="float32")[:, None]
DATA = {"train": (X, 3 * X), "validation": (X, 3 * X)}


def network(hp):
    """Builds a model whose hyperparameters depend on others through a loop and through a condition."""
    layers = [keras.layers.Dense(hp.Int(f"units_{i}", 4, 12, step=4), "relu") for i in range(hp.Int("layers", 1, 3))]
    model = keras.Sequential([keras.Input((1,)), *layers, keras.layers.Dense(1, use_bias=hp.Boolean("bias"))])
    optimizer = hp.Choice("optimizer", ["sgd", "adam"], default="adam")
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    with hp.conditional_scope("optimizer", ["sgd"]):
        momentum = hp.Float("momentum", 0.0, 0.9, step=0.3)
    sgd = optimizer == "sgd"
    model.compile(keras.optimizers.SGD(rate, momentum=momentum) if sgd else keras.optimizers.Adam(rate), "mse")
    return model


def test_space():
    """Tests that all hyperparameters are found, including those of layers that the default model does not have."""
    search = tune.search_from_build(network, DATA, epochs=3, batch_size=16, seed=4)
    expected = {
        "layers": tune.Int(1, 3),
        **{f"units_{i}": tune.Int(4, 12, step=4) for i in range(3)},
        "bias": tune.Choice((False, True)),
        "optimizer": tune.Choice(("sgd", "adam")),
        "rate": tune.Float(1e-3, 1e-1, log=True),
    }
    found = dict(search.space)
    momentum = found.pop("momentum")
    assert momentum.when == {"optimizer": ["sgd"]}
    assert momentum.options == pytest.approx([0.0, 0.3, 0.6, 0.9])
    found["bias"] = tune.Choice(tuple(sorted(found["bias"].options)))
    assert found == expected
    assert (search.config.epochs, search.config.batch_size, search.config.seed) == (3, 16, 4)
    assert (search.config.optimizer, search.config.layers, search.config.bias) == ("adam", 1, False)


def test_trials_build_the_models_of_their_values(tmp_path):
    search = tune.search_from_build(network, DATA, epochs=1, trials=4, keep_best=4)
    tuner = tune.Tuner(search, tmp_path)
    tuner.search()
    models = tuner.get_best_models(4)
    results = list(tuner.results().values())
    assert len({tuple(result.drawn.items()) for result in results}) == 4
    for model, result in zip(models, results, strict=True):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(result.drawn)
        assert model.count_params() == network(hp).count_params()
        loss = np.mean((model.predict(X, verbose=0) - 3 * X) ** 2)
        assert loss == pytest.approx(result.score, rel=1e-4)


def test_grid_search_with_epochs_as_hyperparameter(tmp_path):
    def build(hp):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        hp.Choice("epochs", [1, 3])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        return model

    search = tune.search_from_build(build, DATA, epochs=99, tuner="grid", trials=10)
    tuner = tune.Tuner(search, tmp_path)
    tuner.search()
    results = list(tuner.results().values())
    assert [(result.drawn["epochs"], len(result.history["loss"])) for result in results] == [(3, 3), (1, 1)]


@pytest.mark.slow
def test_grid_has_the_trials_of_keras_tuner(tmp_path):
    """Tests that hyperparameters of layers that a model does not have are not varied."""

    def build(hp):
        layers = [keras.layers.Dense(hp.Choice(f"units_{i}", [4, 8])) for i in range(hp.Int("layers", 1, 2))]
        model = keras.Sequential([keras.Input((1,)), *layers, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    theirs = keras_tuner.GridSearch(build, "val_loss", max_trials=99, directory=tmp_path, project_name="theirs")
    theirs.search(X, 3 * X, validation_data=(X, 3 * X), epochs=1, verbose=0)
    ours = tune.Tuner(tune.search_from_build(build, DATA, epochs=1, tuner="grid", trials=99), tmp_path / "ours")
    ours.search()
    expected = [trial.hyperparameters.values for trial in theirs.oracle.trials.values()]
    drawn = [result.drawn for result in ours.results().values()]
    assert len(drawn) == len(expected) == 6
    assert sorted(map(sorted_items, drawn)) == sorted(map(sorted_items, expected))


def sorted_items(values):
    return sorted(values.items())


@pytest.mark.parametrize(
    ("build", "received"),
    [
        (lambda hp: None, "a function that returns None"),
        (lambda hp: keras.Sequential([keras.layers.Dense(hp.Int("units", 1, 2))]), "<Sequential"),
        (lambda hp: compiled(hp.Float("a", 0.1, 0.9, sampling="reverse_log")), "reverse_log"),
        (lambda hp: compiled(hp.Float("my rate", 0.1, 0.9)), "'my rate'"),
        (lambda hp: compiled(hp.Float("seed", 0.1, 0.9)), "a hyperparameter `seed`"),
    ],
)
def test_unsupported_functions(build, received):
    with raises_argument_error("build", received=received):
        tune.search_from_build(build, DATA)


def compiled(rate):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model
