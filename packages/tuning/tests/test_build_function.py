"""Tests of searches for `build(hp)` functions of KerasTuner."""

import json
import shutil

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner.errors import FailedTrialError, FatalError

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


@pytest.mark.slow  # takes seconds
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


def deep_or_linear(hp):
    """Builds a model with 16 parameters or, if `deep` is `False`, with 2 parameters."""
    hidden = [keras.layers.Dense(5, "relu")] if hp.Boolean("deep") else []
    with hp.conditional_scope("deep", [False]):
        rate = hp.Choice("rate", [0.1, 0.2])
    model = keras.Sequential([keras.Input((1,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate or 0.01), "mse")
    return model


@pytest.fixture(scope="module")
def with_booleans(tmp_path_factory):
    """Returns the folder of a finished grid search over a boolean."""
    folder = tmp_path_factory.mktemp("booleans") / "search"
    tune.Tuner(grid_search(), folder).search()
    return folder


def grid_search(trials=99, tuner="grid"):
    return tune.search_from_build(deep_or_linear, DATA, epochs=1, tuner=tuner, trials=trials, keep_best=9)


def parameters(tuner):
    """Returns the numbers of parameters of the models that are built from the best hyperparameters."""
    return [deep_or_linear(hp).count_params() for hp in tuner.get_best_hyperparameters(9)]


def test_best_hyperparameters_build_the_models_of_the_trials(with_booleans):
    tuner = tune.Tuner(grid_search(), with_booleans)
    trained = [model.count_params() for model in tuner.get_best_models(9)]
    assert sorted(trained) == [2, 2, 16]
    assert parameters(tuner) == trained
    for hp, result in zip(tuner.get_best_hyperparameters(9), tuner.results().values(), strict=True):
        assert hp.values == result.drawn
        assert isinstance(hp.values["deep"], bool)


def test_files_contain_booleans(with_booleans):
    for path in with_booleans.glob("trial_*"):
        values = json.loads((path / "trial.json").read_text())["hyperparameters"]["values"]
        result = json.loads((path / "result.json").read_text())
        assert isinstance(values["deep"], bool)
        assert values["deep"] is result["drawn"]["deep"] is result["config"]["deep"]
    (known,) = (
        each["config"]
        for each in json.loads((with_booleans / "oracle.json").read_text())["hyperparameters"]["space"]
        if each["config"]["name"] == "deep"
    )
    assert known["default"] is True or known["default"] is False


@pytest.mark.parametrize("kind", [keras_tuner.GridSearch, keras_tuner.RandomSearch])
def test_keras_tuner_reloads_folder(with_booleans, tmp_path, kind, capsys):
    """Tests that the tuners of KerasTuner find the trials, their scores and the values of the hyperparameters."""
    shutil.copytree(with_booleans, tmp_path / "copy")
    theirs = kind(deep_or_linear, "val_loss", max_trials=9, directory=tmp_path, project_name="copy", overwrite=False)
    ours = tune.Tuner(grid_search(), with_booleans)
    for _ in range(2):
        assert [trial.score for trial in theirs.oracle.get_best_trials(9)] == [
            result.score for result in ours.results().values()
        ]
        assert parameters(theirs) == parameters(ours)
        theirs.reload()
    assert "Reloading" in capsys.readouterr().out  # of KerasTuner; this package prints nothing


def as_earlier(state):
    """Returns the state of an oracle or of a trial as earlier versions wrote it, with booleans as JSON strings."""
    if isinstance(state, dict):
        if state.get("class_name") == "Boolean":
            config = {**state["config"], "values": ["true", "false"], "ordered": False, "default": "true"}
            return {"class_name": "Choice", "config": as_earlier(config)}
        return {name: as_earlier(value) for name, value in state.items() if name != "ordered"} | (
            {"ordered": state["ordered"]} if "ordered" in state else {}
        )
    if isinstance(state, list):
        return [as_earlier(each) for each in state]
    return json.dumps(state) if isinstance(state, bool) else state


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["grid", "random"])
def test_folders_with_booleans_as_strings_resume(tmp_path, tuner):
    tune.Tuner(grid_search(1, tuner), tmp_path).search()
    (tmp_path / "tuner0.json").unlink()
    for path in (tmp_path / "oracle.json", *tmp_path.glob("trial_*/trial.json")):
        state = json.loads(path.read_text())
        path.write_text(json.dumps(as_earlier(state)))
    later = tune.Tuner(grid_search(3, tuner), tmp_path)
    later.search()
    drawn = [result.drawn for result in later.results().values()]
    assert len({json.dumps(values) for values in drawn}) == len(drawn) == 3
    assert [hp.values for hp in later.get_best_hyperparameters(3)] == drawn
    assert parameters(later) == [model.count_params() for model in later.get_best_models(3)]


def too_wide(error):
    """Returns a function that raises an error for models with more than 60 units."""

    def build(hp):
        units = hp.Int("units", 1, 100)
        if units > 60:
            raise error
        rate = hp.Choice("rate", [0.01, 0.02])
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    return build


@pytest.mark.parametrize("error", [FailedTrialError("too wide"), ValueError("too wide")])
def test_errors_of_some_models(tmp_path, error):
    """Tests that the ranges are found although some models cannot be built, whose trials fail."""
    space = {"units": tune.Choice((4, 99, 8)), "rate": tune.Choice((0.01,))}
    search = tune.search_from_build(too_wide(error), DATA, epochs=1, tuner="grid", trials=3)
    assert search.space == {"units": tune.Int(1, 100), "rate": tune.Choice((0.01, 0.02))}
    tuner = tune.Tuner(tune.Search(search.recipe, search.config, space, tuner="grid", trials=3), tmp_path)
    tuner.search()
    *others, last = tuner.results().values()
    assert {result.drawn["units"] for result in others} == {4, 8}
    assert last.drawn["units"] == 99
    assert "too wide" in last.error
    assert last.score is None
    trial = tuner.oracle.get_trial("1")
    assert trial.status == "FAILED"
    assert "too wide" in trial.message


@pytest.mark.parametrize(
    ("error", "settings"),
    [(FatalError("disk full"), {}), (KeyError("slip"), {"on_error": "stop"})],
)
def test_errors_that_stop_the_discovery(error, settings):
    with pytest.raises(type(error)):
        tune.search_from_build(too_wide(error), DATA, **settings)


def test_function_that_always_fails():
    def build(hp):
        hp.Int("units", 1, 3)
        raise TypeError("slip")

    with pytest.raises(TypeError, match="slip"):
        tune.search_from_build(build, DATA)
