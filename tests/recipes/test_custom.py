"""Tests of the recipes of the family `custom`: components that are saved and loaded, losses, and training loops."""

import csv
import functools
import sys

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tensorsmith.core import load_tensorflow
from tensorsmith.recipes import RunRequest, TrainedRun, find_recipe, launch, resolve

load_tensorflow()
import keras  # noqa: E402

from tensorsmith.training import Trainer  # noqa: E402


def module_of(name):
    """Returns the module of a recipe, whose functions are not part of the recipe itself."""
    return sys.modules[type(config_of(name)).__module__]


def config_of(name, **fields):
    file = find_recipe(name)
    return file.recipe.configure(resolve(file, fields))


@functools.cache
def housing(train_size=1600):
    recipe = module_of("custom/components")
    data = recipe.build_data(config_of("custom/components"))
    return tuple(part[:train_size] for part in data["train"])


def fit(trainer, first, last):
    history = trainer.fit(*housing(), initial_epoch=first, epochs=last, seed=3, verbose=False).history
    return history["loss"], trainer.model.get_weights()


@pytest.mark.parametrize(
    "loss", ["class", *(pytest.param(loss, marks=pytest.mark.slow) for loss in ("factory", "function"))]
)
def test_loaded_components_continue_as_if_they_had_not_been_saved(loss, tmp_path):
    recipe = module_of("custom/components")
    # XLA draws other random numbers, so it must be used in both trainers or in none of them.
    fields = {"threshold": 2.0 if loss != "function" else 1.0, "noise": 0.5, "jit": False}
    config = config_of("custom/components", loss=loss, **fields)
    keras.utils.set_random_seed(1)
    trainer = recipe.build_trainer(config)
    fit(trainer, 0, 2)
    trainer.model.save(tmp_path / "model.keras")
    unbroken_losses, unbroken_weights = fit(trainer, 2, 4)
    if loss == "factory":  # only the name of the function has been saved
        with pytest.raises(TypeError, match="huber_fn"):
            keras.saving.load_model(tmp_path / "model.keras")
    functions = {"huber_fn": recipe.create_huber(2.0)} if loss == "factory" else None
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects=functions)
    losses, weights = fit(Trainer(loaded, jit=False), 2, 4)
    np.testing.assert_allclose(losses, unbroken_losses, rtol=1e-6)
    for one, other in zip(weights, unbroken_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_components_match_those_of_keras():
    own = module_of("custom/components")
    rng = np.random.default_rng(0)
    targets, predictions = (rng.normal(scale=3, size=(50, 1)).astype("float32") for _ in range(2))
    np.testing.assert_allclose(
        own.HuberLoss(2.0)(targets, predictions), keras.losses.Huber(delta=2.0)(targets, predictions), rtol=1e-5
    )
    z = np.array([-50.0, -1, 0, 1, 100], "float32")
    np.testing.assert_allclose(own.softplus(z), np.logaddexp(z, 0), rtol=1e-6)
    weights = rng.normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(own.AbsoluteWeights(0.01)(weights), keras.regularizers.L1(0.01)(weights), rtol=1e-6)
    np.testing.assert_array_equal(own.PositiveWeights()(weights), keras.constraints.NonNeg()(weights))
    np.testing.assert_allclose(np.std(own.GlorotNormal()((300, 100))), (2 / 400) ** 0.5, rtol=0.02)
    noise = own.Noise(0.5)
    np.testing.assert_array_equal(noise(weights), weights)
    np.testing.assert_allclose(np.std(noise(np.zeros((100, 100)), training=True)), 0.5, rtol=0.05)


def test_the_constraint_of_a_component_holds_after_training():
    trainer = module_of("custom/components").build_trainer(config_of("custom/components", learning_rate=0.05))
    fit(trainer, 0, 1)
    assert trainer.model.layers[-1].kernel.numpy().min() == 0


def test_a_run_with_custom_components_can_be_evaluated(tmp_path):
    metrics = launch(RunRequest("custom/components", smoke=True, out=tmp_path / "run")).metrics
    scores = TrainedRun(tmp_path / "run").evaluate()
    assert scores["test"] == pytest.approx(metrics["test"], rel=1e-5)


@pytest.mark.slow
def test_the_ratio_of_the_losses_is_logged(tmp_path):
    launch(RunRequest("custom/reconstructing_regressor", smoke=True, out=tmp_path / "run"))
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    assert [float(row["validation_ratio"]) for row in rows] == pytest.approx(
        [float(row["val_loss"]) / float(row["loss"]) for row in rows]
    )


@pytest.mark.parametrize(("blocks", "parameters"), [("shared", 4_021), ("separate", 9_601), ("plain", 9_601)])
def test_parameters_of_residual_regressors(blocks, parameters):
    recipe = module_of("custom/residual_regressor")
    assert recipe.build_model(config_of("custom/residual_regressor", blocks=blocks)).count_params() == parameters


def test_the_reconstruction_error_is_part_of_the_loss():
    recipe = module_of("custom/reconstructing_regressor")
    trainer = recipe.build_trainer(config_of("custom/reconstructing_regressor"))
    assert trainer.model.count_params() == 4_269
    x, y = housing()
    scores = trainer.evaluate(x, y, batch_size=400)
    assert scores["loss"] == pytest.approx(
        scores["mean_squared_error"] + 0.05 * scores["reconstruction_error"], rel=1e-5
    )
    hidden = x
    for layer in trainer.model.hidden:
        hidden = layer(hidden)
    error = np.mean((trainer.model.reconstruct(hidden) - x) ** 2)
    assert scores["reconstruction_error"] == pytest.approx(error, rel=1e-5)


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    """Losses, errors and final state of each form of the training loop, over two epochs with a smaller last batch."""
    results = {}
    for loop in ("trainer", "eager", "step", "epoch"):
        folder = tmp_path_factory.mktemp("loops") / loop
        flags = ["--loop", loop, "--epochs", "2", "--train_size", "100"]
        launch(RunRequest("custom/training_loop", flags, smoke=True, out=folder))
        rows = list(csv.reader((folder / "history.csv").read_text().splitlines()))
        with np.load(folder / "checkpoints" / "last.npz") as arrays:
            state = [arrays[name] for name in sorted(arrays) if name.isdigit()]
        results[loop] = np.float64(rows[1:]), state
    return results


@pytest.mark.parametrize("loop", ["eager", "step", "epoch"])
def test_all_training_loops_reach_the_same_losses_and_weights(loops, loop):
    (expected, expected_state), (scores, state) = loops["trainer"], loops[loop]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    for one, other in zip(state, expected_state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.slow  # takes seconds
def test_training_loops_of_a_classifier_reach_the_same_losses(tmp_path):
    """Tests the histories, and the test scores of the saved model against NumPy and scikit-learn."""
    flags = ["--data", "fashion_mnist", "--train_size", "100", "--penalty", "0"]
    histories = []
    for loop in ("trainer", "step"):
        result = launch(RunRequest("custom/training_loop", [*flags, "--loop", loop], smoke=True, out=tmp_path / loop))
        rows = list(csv.reader((tmp_path / loop / "history.csv").read_text().splitlines()))
        histories.append(np.float64(rows[1:]))
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-5)
    config = config_of("custom/training_loop", data="fashion_mnist", train_size=100)
    images, labels = module_of("custom/training_loop").build_data(config)["test"]
    probabilities = keras.models.load_model(tmp_path / "step" / "model.keras").predict(images, verbose=0)
    likelihoods = np.take_along_axis(probabilities, labels.astype(int), axis=1)
    assert result.metrics["test"] == pytest.approx(
        {
            "sparse_categorical_crossentropy": -np.log(likelihoods).mean(),
            "sparse_categorical_accuracy": accuracy_score(labels, probabilities.argmax(axis=1)),
        },
        rel=1e-4,
    )


@pytest.mark.slow
def test_a_custom_training_loop_resumes(loops, tmp_path):
    flags = ["--loop", "step", "--train_size", "100"]
    launch(RunRequest("custom/training_loop", [*flags, "--epochs", "1"], out=tmp_path / "run"))
    launch(RunRequest("custom/training_loop", [*flags, "--epochs", "2"], out=tmp_path / "run", resume=True))
    rows = list(csv.reader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    np.testing.assert_array_equal(np.float64(rows[1:]), loops["step"][0])


def test_each_layer_has_its_own_optimizer():
    """Tests the first step: SGD changes a weight by its gradient, and Nadam by about the learning rate."""
    recipe = module_of("custom/two_optimizers")
    trainer = recipe.build_trainer(config_of("custom/two_optimizers", lower_rate=1e-4, upper_rate=1e-3))
    assert trainer.model.count_params() == 79_510
    rng = np.random.default_rng(0)
    before = trainer.model.get_weights()
    trainer.fit(rng.uniform(size=(32, 28, 28)), rng.integers(0, 10, size=32), verbose=False)
    moved = [np.median(abs(new - old)) for new, old in zip(trainer.model.get_weights(), before, strict=True)]
    assert moved[0] < 1e-5
    assert moved[2] > 5e-4
