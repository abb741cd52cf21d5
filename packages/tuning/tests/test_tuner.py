"""Tests of the trial loop, on recipes with scores known in closed form or from scikit-learn."""

import dataclasses
import io
import json
import logging
import shutil

import keras
import numpy as np
import pytest
import yaml
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError
from rich.console import Console
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_score

import tensorsmith.tuning as tune
from tensorsmith.core import ArgumentError, printable
from tensorsmith.runs import SupervisedRecipe
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import NonFiniteLossError, Trainer
from tensorsmith.tuning.folds import folds
from tensorsmith.tuning.oracles import warn_without_promotions
from tensorsmith.tuning.report import plot_scores, write_hparams
from tensorsmith.tuning.table import LiveTable
from tensorsmith.tuning.trial import Result


def run(search, folder, **more):
    tuner = tune.Tuner(search, folder, **more)
    tuner.search()
    return tuner


@pytest.fixture(scope="module")
def searched(fixed, tmp_path_factory):
    """Returns the tuner and the folder of a search on a terminal, and the final content of the screen."""
    search = fixed.search(trials=3, keep_best=2)
    folder = tmp_path_factory.mktemp("searched")
    console = Console(force_terminal=True, width=100, record=True)
    with LiveTable(search, console=console) as table:
        tuner = run(search, folder, table=table)
    console.print(table.as_table())
    return tuner, folder, console.export_text()


@pytest.fixture(scope="module")
def hyperband(trained, tmp_path_factory):
    """Returns the tuner of an uninterrupted hyperband search."""
    config = trained.config_class(epochs=3)
    search = tune.Search(trained, config, tune.declared(trained.config_class), tuner="hyperband", trials=4)
    return run(search, tmp_path_factory.mktemp("hyperband"))


def test_scores_and_ranking(fixed, searched):
    tuner, *_ = searched
    results = list(tuner.results().values())
    weights = [result.drawn["weight"] for result in results]
    assert len(set(weights)) == 3
    assert [result.score for result in results] == pytest.approx([fixed.loss(weight) for weight in weights], rel=1e-5)
    distances = [abs(weight - 3.0) for weight in weights]
    assert distances == sorted(distances)  # best first
    assert tuner.oracle.get_best_trials(1)[0].score == results[0].score


def test_keep_best(searched):
    tuner, folder, _ = searched
    best, second, *_ = tuner.results().values()
    assert len(list(folder.glob("trial_*/model.keras"))) == 2
    assert not list(folder.glob("trial_*/checkpoints"))
    models = tuner.get_best_models(2)
    weights = [model.get_weights()[0].item() for model in models]
    assert weights == pytest.approx([best.drawn["weight"], second.drawn["weight"]])


def test_best_hyperparameters_are_those_of_the_trials(fixed, tmp_path):
    """Tests values that KerasTuner represents by strings: `None`, tuples, and options of mixed types."""
    options = {
        "weight": (1.0, 2.0),
        "units": ((4,), (8, 4)),
        "norm": (None, "batch", 2),
        "bias": (True, False),
        "skip": (True,),
        "scale": (1, 0.5),
    }
    fields = [(name, object, dataclasses.field(default=values[0])) for name, values in options.items()]
    fields += [(name, int, value) for name, value in (("epochs", 1), ("batch_size", 16), ("seed", 0))]
    config = dataclasses.make_dataclass("Config", fields, frozen=True)()
    received = []

    def build_trainer(config):
        received.append({name: getattr(config, name) for name in options})
        return fixed.recipe.build_trainer(config)

    recipe = dataclasses.replace(fixed.recipe, build_trainer=build_trainer)
    space = {name: tune.Choice(values) for name, values in options.items()}
    tuner = run(tune.Search(recipe, config, space, trials=3), tmp_path)
    best = {repr(hp.values) for hp in tuner.get_best_hyperparameters(3)}
    assert best == set(map(repr, received))  # `repr` distinguishes `True` from 1 and tuples from lists
    assert len(best) == 3


def test_live_table(searched):
    tuner, _, shown = searched
    assert "3 of 3 trials" in shown
    for name, result in tuner.results().items():
        assert f"{result.score:.5g}" in shown
        assert name in shown


def test_files_are_json(searched):
    _, folder, _ = searched
    result = json.loads((folder / "trial_0" / "result.json").read_text())
    assert result["config"].keys() == {"weight", "epochs", "batch_size", "seed"}
    assert yaml.safe_load(json.dumps(result)) == result


def test_resume_with_more_trials(fixed, searched, tmp_path):
    tuner, folder, _ = searched
    before = tuner.results()
    shutil.copytree(folder, tmp_path / "search")
    after = run(fixed.search(trials=4, keep_best=2), tmp_path / "search").results()
    assert len(after) == 4
    assert {name: after[name] for name in before} == before


def test_direction_max(fixed, tmp_path):
    tuner = run(fixed.search(trials=2, direction="max"), tmp_path)
    scores = [result.score for result in tuner.results().values()]
    assert scores == sorted(scores, reverse=True)


def test_failed_trials(fixed, tmp_path, caplog):
    """Tests that the search continues after failed trials, which rank last."""

    def build_trainer(config):
        trainer = fixed.recipe.build_trainer(config)
        if config.weight > 2:
            trainer.model.set_weights([np.full((1, 1), np.nan)])
        return trainer

    recipe = dataclasses.replace(fixed.recipe, build_trainer=build_trainer)
    search = dataclasses.replace(fixed.search(trials=4), recipe=recipe)
    caplog.set_level(logging.INFO, "tensorsmith.tuning")
    results = list(run(search, tmp_path, table=LiveTable(search)).results().values())
    failed = [result for result in results if result.score is None]
    assert 0 < len(failed) < 4
    assert results[-len(failed) :] == failed
    assert all(result.drawn["weight"] > 2 and result.error for result in failed)
    assert sum("failed: " in line for line in caplog.messages) == len(failed)


def test_nan_objective(fixed, tmp_path):
    """Tests a finite loss, with which training continues, and an objective that is NaN."""

    class NoNumber(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_error"] = float("nan")

    recipe = dataclasses.replace(fixed.recipe, callbacks=lambda config, folder: [NoNumber()])
    search = dataclasses.replace(fixed.search(trials=1, objective="val_error"), recipe=recipe)
    (result,) = run(search, tmp_path).results().values()
    assert result.score is None
    assert "finite in all runs, got val_error" in result.error


@pytest.mark.slow
def test_hyperband_resume_with_more_trials(hyperband, tmp_path):
    """Tests equal scores after the checkpoints of earlier trials have been removed."""
    run(dataclasses.replace(hyperband.plan, trials=3), tmp_path)
    later = run(hyperband.plan, tmp_path)
    scores = [{name: result.score for name, result in tuner.results().items()} for tuner in (hyperband, later)]
    assert len(scores[0]) == 4
    assert scores[0] == scores[1]


def failing_search(fixed, fails, **settings):
    """Returns a search whose trials raise the error that the function `fails` returns for a slope, if there is one."""

    def build_trainer(config):
        if (error := fails(config.weight)) is not None:
            raise error
        return fixed.recipe.build_trainer(config)

    recipe = dataclasses.replace(fixed.recipe, build_trainer=build_trainer)
    return dataclasses.replace(fixed.search(**settings), recipe=recipe)


def test_exception_fails_one_trial(fixed, tmp_path):
    """Tests that the result contains the error, its line and a traceback of the recipe only."""
    search = failing_search(fixed, lambda weight: TypeError("slip\nof the pen") if weight > 4 else None)
    search = dataclasses.replace(search, space={"weight": tune.Choice((1.0, 5.0, 2.0))}, tuner="grid")
    *others, last = run(search, tmp_path).results().values()
    assert [result.drawn["weight"] for result in others] == [2.0, 1.0]
    assert last.drawn == {"weight": 5.0}
    assert last.error.startswith("test_tuner.py, line ")
    assert last.error.endswith(", in build_trainer: TypeError: slip")
    assert "raise error" in last.traceback
    assert "tuner.py" not in last.traceback.replace("test_tuner.py", "")


def test_exceptions_stop_search_on_demand(fixed, tmp_path):
    """Tests that `on_error="stop"` raises unexpected exceptions only."""
    search = failing_search(fixed, lambda weight: FailedTrialError("no") if weight < 2 else None, on_error="stop")
    space = {"weight": tune.Choice((1.0, 3.0))}
    search = dataclasses.replace(search, space=space, tuner="grid")
    assert [result.score is None for result in run(search, tmp_path / "a").results().values()] == [False, True]
    search = failing_search(fixed, lambda weight: TypeError("slip"), on_error="stop")
    with pytest.raises(TypeError, match="slip"):
        run(search, tmp_path / "b")


def test_fatal_error_stops_search(fixed, tmp_path):
    with pytest.raises(FatalError, match="disk full"):
        run(failing_search(fixed, lambda weight: FatalError("disk full")), tmp_path)
    assert len(list(tmp_path.glob("trial_*"))) == 1


def test_repeated_exception_stops_search(fixed, tmp_path):
    """Tests that three failures at the same line end the search, which resumes after the error has been corrected."""
    failing = failing_search(fixed, lambda weight: TypeError(f"slip {weight}"), trials=4)
    with raises_argument_error(
        "recipe",
        received=", in build_trainer: TypeError: slip",
        expected="free of errors",
        remedy="FailedTrialError",
    ) as caught:
        run(failing, tmp_path)
    assert isinstance(caught.value, tune.SearchError)
    assert len(list(tmp_path.glob("trial_*"))) == 3
    scores = [result.score for result in run(fixed.search(trials=4), tmp_path).results().values()]
    assert sum(score is None for score in scores) == 2  # the third trial was repeated
    assert len(scores) == 4


def test_failed_configurations_do_not_stop_search(fixed, tmp_path):
    errors = [FailedTrialError("no"), NonFiniteLossError("no"), ArgumentError("no")]
    results = run(failing_search(fixed, lambda weight: errors.pop(), trials=3), tmp_path).results().values()
    assert [result.error for result in results] == ["no"] * 3


def test_unknown_objective(fixed, tmp_path):
    with pytest.raises(ValueError, match=r"objective must .*got 'val_losss'.*Did you mean val_loss?"):
        run(fixed.search(objective="val_losss", direction="min"), tmp_path)


def test_early_stopping(fixed, tmp_path):
    """Tests early stopping after the first epoch, since the loss is constant."""
    search = fixed.search(trials=1, patience=2)
    search = dataclasses.replace(search, config=dataclasses.replace(search.config, epochs=9))
    (result,) = run(search, tmp_path).results().values()
    assert len(result.history["loss"]) == 3
    assert result.epoch == 1


def test_score_is_that_of_the_best_epoch(trained, tmp_path):
    search = tune.Search(
        trained, trained.config_class(), tune.declared(trained.config_class), trials=2, patience=0, keep_best=2
    )
    x, y = trained.build_data(None)["validation"]
    for name, result in run(search, tmp_path).results().items():
        assert len(result.history["val_loss"]) == 9
        assert result.score == min(result.history["val_loss"])
        model = keras.models.load_model(tmp_path / f"trial_{name}" / "model.keras")
        assert np.mean((model.predict(x, verbose=0)[:, 0] - y) ** 2) == pytest.approx(result.score, rel=1e-5)


@pytest.mark.slow
def test_hyperband_trains_best_trials_longer(trained, hyperband):
    """Tests that trials of the second round equal those of the first until their last epoch, and a longer run."""
    tuner = hyperband
    trials = {name: trial.hyperparameters.values for name, trial in tuner.oracle.trials.items()}
    results = tuner.results()
    going_on = {name: values["tuner/trial_id"] for name, values in trials.items() if "tuner/trial_id" in values}
    assert going_on
    for name, past in going_on.items():
        curve = results[name].history["val_loss"]
        assert len(curve) == trials[name]["tuner/epochs"] == 3
        assert curve[:1] == results[past].history["val_loss"]
    name = next(iter(going_on))
    trainer = trained.build_trainer(trained.config_class(**results[name].config))
    keras.utils.set_random_seed(0)
    trainer = trained.build_trainer(trained.config_class(**results[name].config))
    data = trained.build_data(None)
    history = trainer.fit(
        *data["train"], epochs=3, batch_size=16, validation_data=data["validation"], seed=0, verbose=False
    )
    assert history.history["val_loss"] == results[name].history["val_loss"]
    assert {result.config["epochs"] for result in results.values()} == {1, 3}


def test_search_warns_of_missing_promotions(fixed, tmp_path, caplog):
    run(fixed.search(tuner="hyperband", trials=1), tmp_path)
    assert caplog.messages[0].startswith("Hyperband promotes no configuration: it needs at least 3 epochs")


@pytest.mark.parametrize(
    ("epochs", "trials", "advice"),
    [
        (2, 99, "needs at least 3 epochs per trial, and the search has 2"),
        (
            4,
            5,
            "the search has 5 trials, and the first 5 are trained for only 2 of 4 epochs. Use at least 6 trials, or 7",
        ),
        (4, 6, ""),
    ],
)
def test_hyperband_without_promotions(trained, tmp_path, caplog, epochs, trials, advice):
    """Tests the warning against the draws of the oracle with given scores."""
    config = trained.config_class(epochs=epochs)
    search = tune.Search(trained, config, tune.declared(trained.config_class), tuner="hyperband", trials=trials)
    oracle = tune.Tuner(search, tmp_path).oracle
    warn_without_promotions(search, oracle)
    assert advice in caplog.text
    assert bool(advice) == bool(caplog.records)
    promoted = False
    for _ in range(min(trials, 12)):
        trial = oracle.create_trial("tuner0")
        promoted = promoted or "tuner/trial_id" in trial.hyperparameters.values
        oracle.update_trial(trial.trial_id, {"val_loss": float(trial.hyperparameters.values["learning_rate"])})
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
    assert promoted != bool(advice)


@pytest.mark.slow
def test_cross_validation_matches_least_squares(plane, tmp_path):
    """Tests a fully trained linear model against least squares on the same folds."""

    @dataclasses.dataclass(frozen=True)
    class Config:
        batch_size: int = tune.choice([32])
        epochs: int = 150
        seed: int = 5

    def build_trainer(config):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        return Trainer(model, keras.optimizers.SGD(0.05), "mse", jit=False)

    x, y = plane
    recipe = SupervisedRecipe(
        config_class=Config, build_data=lambda config: {"train": (x, y)}, build_trainer=build_trainer
    )
    (result,) = (
        run(tune.Search(recipe, Config(), tune.declared(Config), trials=1, folds=3), tmp_path).results().values()
    )
    cut = KFold(3, shuffle=True, random_state=5)
    expected = -cross_val_score(LinearRegression(), x, y, cv=cut, scoring="neg_mean_squared_error")
    assert result.folds == pytest.approx(expected, rel=0.02)
    assert result.score == pytest.approx(np.mean(result.folds))


@pytest.mark.parametrize("count", [0, 2])
def test_sample_weight(fixed, tmp_path, count):
    """Tests that examples with a weight of zero, which have wrong targets, are ignored."""
    x = np.ones((32, 1), "float32")
    wrong = np.arange(32) % 4 == 0
    data = (x, np.where(wrong, 100.0, 2.0).astype("float32"), np.where(wrong, 0.0, 1.0).astype("float32"))
    recipe = dataclasses.replace(fixed.recipe, build_data=lambda config: {"train": data, "validation": data})
    search = dataclasses.replace(fixed.search(trials=1, folds=count), recipe=recipe)
    (result,) = run(search, tmp_path).results().values()
    shares = [1 - part.mean() for _, (part,) in folds((wrong,), 2, seed=0)] if count else [1 - wrong.mean()]
    assert result.score == pytest.approx(np.mean(shares) * (result.config["weight"] - 2.0) ** 2, rel=1e-5)


def test_folds_partition_data():
    data = ({"a": np.arange(10), "b": np.arange(20).reshape(10, 2)}, np.arange(10))
    parts = list(folds(data, 3, seed=0))
    assert sorted(np.concatenate([part[1] for _, part in parts])) == list(range(10))
    for others, part in parts:
        assert sorted([*others[1], *part[1]]) == list(range(10))
        for features, targets in (others, part):
            assert (features["a"] == targets).all()
            assert (features["b"][:, 0] == 2 * targets).all()


def test_more_folds_than_examples(fixed, tmp_path):
    """Tests that this error ends the search, because all other trials would fail as well."""
    with raises_argument_error("folds", received="49", expected="at most the number of examples (48)"):
        run(fixed.search(folds=49, trials=2), tmp_path)
    assert [path.name for path in tmp_path.glob("trial_*")] == ["trial_0"]


@pytest.mark.parametrize("data", [[1, 2], ([1, 2], [3, 4])])
def test_folds_require_arrays(data):
    with raises_argument_error("folds", expected="0 unless the data are arrays"):
        next(folds(data, 2, seed=0))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"space": {}}, {"name": "space", "expected": "a non-empty dict"}),
        (
            {"space": {"wieght": tune.Float(0.0, 1.0)}},
            {"name": "space", "received": "'wieght'", "remedy": "Did you mean weight"},
        ),
        ({"on_error": "fial"}, {"name": "on_error", "received": "'fial'", "remedy": "Did you mean fail"}),
        ({"tuner": "hyperbnad"}, {"name": "tuner", "received": "'hyperbnad'", "remedy": "Did you mean hyperband"}),
        ({"trials": "many"}, {"name": "trials", "received": "'many'", "expected": "an integer"}),
        ({"space": {"epochs": tune.Int(0, 9)}}, {"name": "epochs", "received": "0", "expected": ">= 1"}),
        ({"space": {"batch_size": tune.Choice((8, 0))}}, {"name": "batch_size", "received": "0", "expected": ">= 1"}),
        (
            {"objective": "val_acuracy"},
            {"name": "direction", "received": "None", "remedy": "Did you mean the objective val_accuracy"},
        ),
        ({"trials": 0}, {"name": "trials", "received": "0", "expected": ">= 1"}),
        ({"folds": 1}, {"name": "folds", "received": "1"}),
        ({"patience": -1}, {"name": "patience", "received": "-1"}),
        ({"keep_best": 0}, {"name": "keep_best", "received": "0"}),
        ({"direction": "up"}, {"name": "direction", "received": "'up'"}),
        (
            {"objective": "val_frobnication"},
            {"name": "direction", "expected": "if it cannot be inferred from val_frobnication"},
        ),
        ({"tuner": "hyperband", "folds": 3}, {"name": "folds", "received": "3", "expected": "0 with hyperband"}),
        ({"tuner": "hyperband", "space": {"epochs": tune.Int(1, 9)}}, {"name": "space", "received": "'epochs'"}),
    ],
)
def test_invalid_search(fixed, changes, error):
    with raises_argument_error(**error):
        dataclasses.replace(fixed.search(), **changes)


def test_zero_epochs(fixed):
    search = fixed.search()
    with raises_argument_error("epochs", received="0", expected=">= 1"):
        dataclasses.replace(search, config=dataclasses.replace(search.config, epochs=0))


@pytest.mark.parametrize(
    ("objective", "best"),
    [("val_loss", "min"), ("val_accuracy", "max"), ("val_main_mean_squared_error", "min"), ("val_binary_io_u", "")],
)
def test_direction_of_objective(fixed, objective, best):
    search = fixed.search(objective=objective, direction=None if best else "min")
    assert search.best == (best or "min")


def test_score_plot_and_tensorboard_events(fixed, tmp_path):
    search = dataclasses.replace(
        fixed.search(),
        space={
            "weight": tune.Float(1.0, 5.0, log=True),
            "batch_size": tune.Choice((8, 16)),
            "epochs": tune.Int(1, 2, when={"batch_size": 8}),
        },
        trials=3,
    )
    results = run(search, tmp_path).results()
    plot_scores(search, results, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    write_hparams(search, results, tmp_path / "events")
    assert hparams_in(tmp_path / "events") == {name: result.drawn for name, result in results.items()}


@pytest.mark.parametrize("options", [(1, None), (True, "auto"), (1, 0.5), (False, True), ((4,), (8, 4))])
def test_choices_of_mixed_types_in_tensorboard(fixed, tmp_path, options):
    search = dataclasses.replace(fixed.search(), space={"batch_size": tune.Choice(options)})
    results = {str(i): Result({}, {"batch_size": each}, 1.0) for i, each in enumerate(options)}
    write_hparams(search, results, tmp_path)
    assert len(hparams_in(tmp_path)) == 2


def hparams_in(folder):
    """Returns the hyperparameters, as read by TensorBoard."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = {}
    for path in (path for path in folder.iterdir() if path.is_dir()):
        events = EventAccumulator(str(path)).Reload()
        data = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        session = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info
        assert "score" in events.Tags()["tensors"]
        found[path.name] = {name: value.number_value for name, value in session.hparams.items()}
    return found


@pytest.mark.parametrize("value", ["\x1b]0;title\x07\x1b[31m", "[/x]", "[red]", "a\nb"])
def test_table_of_hostile_strings(fixed, value, caplog):
    """Names of trials, drawn values and errors may come from the files of somebody else."""
    search = fixed.search()
    failed, ended = Result({}, {"weight": value}, error=value), Result({}, {"weight": value}, score=1.0)
    console = Console(record=True, width=200, force_terminal=True, file=io.StringIO())
    table = LiveTable(search, {f"{value}1": failed, f"{value}2": ended}, console)
    with table:
        table.begin(value, {"weight": value})
        table.update(value, 1, {})
    console.print(table.as_table())
    shown = console.export_text(styles=False)
    assert shown.count(printable(value)) >= 5
    with caplog.at_level(logging.INFO):
        LiveTable(search, console=Console(file=io.StringIO())).end(value, failed)
    assert printable(value) in caplog.messages[0]
    assert value.isprintable() or value not in caplog.messages[0]
