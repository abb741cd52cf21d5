"""Tests of the Wide & Deep recipes: parameter counts, saved models and separate optimizers."""

import json

import keras
import numpy as np
import pytest

from tensorsmith.data import load
from tensorsmith.recipes import RunRequest, TrainedRun, launch

PARAMETERS = {"one_input": 1239, "two_inputs": 1176, "auxiliary_output": 1207, "subclassed": 1207}


@pytest.mark.parametrize("form", PARAMETERS)
def test_parameters(load_recipe, form):
    """Two hidden layers of 30 units have the numbers of parameters that follow from Géron (2019, chapter 10)."""
    recipe = load_recipe("wide_deep/california")
    assert recipe.build_model(recipe.Config(form=form, units=(30, 30))).count_params() == PARAMETERS[form]


def test_subclassed_model_matches_functional_model(load_recipe):
    recipe = load_recipe("wide_deep/california")
    config = recipe.Config(form="subclassed", units=(30, 30))
    subclassed, functional = recipe.build_model(config), recipe.build_model(recipe.Config(units=(30, 30)))
    dense = [layer for layer in functional.layers if isinstance(layer, keras.layers.Dense)]
    sources = {layer.kernel.shape: layer for layer in (*subclassed.hidden, subclassed.main, subclassed.aux)}
    for layer in dense:
        layer.set_weights(sources[layer.kernel.shape].get_weights())
    inputs, _ = recipe.build_data(config)["validation"]
    for name, outputs in functional.predict(inputs, verbose=0).items():
        np.testing.assert_allclose(subclassed.predict(inputs, verbose=0)[name], outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow  # takes seconds
def test_subclassed_model_is_saved_and_loaded(load_recipe, tmp_path):
    """A run can be evaluated in a process that has not built the model."""
    launch(RunRequest("wide_deep/california", ["--form", "subclassed"], smoke=True, out=tmp_path / "run"))
    keras.saving.get_custom_objects().pop("recipes>WideAndDeepModel")
    model = TrainedRun(tmp_path / "run").load_model()
    assert type(model).__name__ == "WideAndDeepModel"
    recipe = load_recipe("wide_deep/california")
    inputs, targets = recipe.build_data(recipe.Config())["test"]
    error = np.mean(np.square(model.predict(inputs, verbose=0)["main"][:, 0] - targets["main"]))
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]
    assert error == pytest.approx(scores["main_mean_squared_error"], rel=1e-5)


@pytest.fixture(scope="module")
def adult_run(tmp_path_factory):
    """Folder of a run of wide_deep/adult."""
    folder = tmp_path_factory.mktemp("adult") / "run"
    launch(RunRequest("wide_deep/adult", ["--wide_rate", "0.01", "--trees", "100"], smoke=True, out=folder))
    return folder


@pytest.mark.slow
def test_adult_scores_are_comparable_with_boosting(adult_run):
    """One epoch comes close to gradient boosting, which is evaluated on the same test set."""
    metrics = json.loads((adult_run / "metrics.json").read_text())
    assert 0.915 < metrics["boosting"]["auc"] < 0.935
    assert metrics["test"]["auc"] > metrics["boosting"]["auc"] - 0.04
    assert (adult_run / "calibration.png").stat().st_size > 0


@pytest.mark.slow
def test_served_model_accepts_raw_columns(adult_run):
    import tensorflow as tf
    from sklearn.metrics import roc_auc_score

    served = keras.saving.load_model(adult_run / "served.keras")
    test = load("adult", "test")
    columns = {name: tf.constant(values) for name, values in test.features.items()}
    probabilities = served.predict(columns, batch_size=1024, verbose=0)[:, 0]
    scores = json.loads((adult_run / "metrics.json").read_text())["test"]
    assert roc_auc_score(test.labels, probabilities) == pytest.approx(scores["auc"], abs=1e-5)


def test_parts_have_separate_optimizers(load_recipe):
    recipe = load_recipe("wide_deep/adult")
    config = recipe.Config(units=(16,))
    trainer = recipe.build_trainer(config, recipe.prepare(config, None))
    optimizer = trainer.model.optimizer
    optimizer.build(trainer.model.trainable_variables)
    wide, deep = optimizer.optimizers
    assert (type(wide).__name__, type(deep).__name__) == ("Ftrl", "AdamW")
    for each, others, own in ((wide, deep, "wide_kernel"), (deep, wide, "deep_kernel")):
        assert any(own in variable.path for variable in each.variables)
        assert not any(own in variable.path for variable in others.variables)
