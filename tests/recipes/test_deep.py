"""Tests of the comparisons of deep networks: the measures they report, and the techniques they compare."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tensorsmith.core import load_tensorflow
from tensorsmith.recipes import RunRequest, launch

load_tensorflow()
import keras  # noqa: E402

from tensorsmith.training import Checkpoints  # noqa: E402


def test_gradient_norms_vanish_with_sigmoid_only(load_recipe):
    """Through ten layers of sigmoid units, whose derivative is at most 1/4, gradients vanish."""
    recipe = load_recipe("deep/activations")
    images, labels = np.random.default_rng(0).random((100, 28, 28), "float32"), np.arange(100) % 10
    ratios = {}
    for activation in ("sigmoid", "relu"):
        keras.utils.set_random_seed(0)
        norms = recipe.gradient_norms(recipe.build_model(recipe.Config(activation=activation)), images, labels)
        assert len(norms) == 11
        ratios[activation] = norms[0] / norms[-2]
    assert ratios["sigmoid"] < 1e-3
    assert 0.1 < ratios["relu"] < 10


def test_gradient_norms_against_finite_differences(load_recipe):
    recipe = load_recipe("deep/activations")
    images, labels = np.random.default_rng(0).random((20, 28, 28), "float32"), np.arange(20) % 10
    keras.utils.set_random_seed(0)
    model = recipe.build_model(recipe.Config(activation="tanh", hidden_layers=1, units=3))
    last = model.layers[-1]
    kernel, bias = last.get_weights()
    differences = np.empty_like(kernel)
    for position in np.ndindex(kernel.shape):
        losses = []
        for change in (0.01, -0.01):
            changed = kernel.copy()
            changed[position] += change
            last.set_weights([changed, bias])
            likelihoods = model(images).numpy().astype("float64")[np.arange(20), labels]
            losses.append(-np.log(likelihoods).mean())
        differences[position] = (losses[0] - losses[1]) / 0.02
    last.set_weights([kernel, bias])
    np.testing.assert_allclose(recipe.gradient_norms(model, images, labels)[-1], np.linalg.norm(differences), rtol=1e-3)


def test_temperature_scaling_recovers_overconfidence(load_recipe):
    """Labels are drawn from known probabilities, and predictions are the probabilities of tripled logits."""
    recipe = load_recipe("deep/monte_carlo_dropout")
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 5))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([generator.choice(5, p=row) for row in true])
    predicted = recipe.scaled(true, 1 / 3)
    assert abs(recipe.best_temperature(predicted, labels) - 3) < 0.1
    np.testing.assert_allclose(recipe.scaled(predicted, 3.0), true, rtol=1e-5)
    before, after = recipe.quality(predicted, labels), recipe.quality(true, labels)
    assert before["accuracy"] == after["accuracy"]
    assert after["calibration_error"] < 0.02 < before["calibration_error"]
    np.testing.assert_allclose(before["log_loss"], log_loss(labels, predicted), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "fields"), [("deep/optimizers", {}), ("deep/batch_normalization", {"position": "none"})]
)
def test_a_run_that_misses_the_target_is_counted(load_recipe, name, fields):
    recipe = load_recipe(name)
    config = recipe.Config(epochs=3, **fields)
    for accuracies, expected in (([0.8, 0.85, 0.84], (2, 1)), ([0.8, 0.84, 0.84], (4, 0))):
        run = SimpleNamespace(history={"val_accuracy": accuracies})
        trainer = SimpleNamespace(evaluate=lambda *data, batch_size: {"loss": 1.0})
        scores = recipe.report(config, run, trainer, {"train": ()})["validation"]
        assert (scores["epochs_to_target"], scores["reached_target"]) == expected


@pytest.mark.slow  # takes seconds
def test_sparsity_is_exact(tmp_path):
    smoke = ["--units=[30]", "--sparsity=0.8", "--train_size=3900"]  # 122 steps, of which each 50th and the last prune
    launch(RunRequest("deep/sparsity", smoke, smoke=True, out=tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    model = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    kernels = [layer.kernel.numpy() for layer in model.layers if layer.weights]
    zeros, weights = sum(np.sum(kernel == 0) for kernel in kernels), sum(kernel.size for kernel in kernels)
    assert zeros == round(0.8 * weights)
    np.testing.assert_allclose(metrics["model"]["zeros"], zeros / weights)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_masks_are_part_of_the_checkpoint(seed, load_recipe, tmp_path):
    """A pruned run is interrupted when its layers, which have equal shapes, have masks, and ends with equal weights."""
    recipe = load_recipe("deep/sparsity")
    config = recipe.Config(units=(40, 40, 40), epochs=3, train_size=1600, seed=seed)

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def run(folder, *more, resume=False):
        keras.utils.set_random_seed(seed)
        trainer, data = recipe.build_trainer(config), recipe.build_data(config)
        arguments = {"epochs": 3, "batch_size": 32, "seed": seed, "verbose": False, "resume": resume}
        pruning = [*recipe.callbacks(config, folder), *more]
        trainer.fit(*data["train"], callbacks=pruning, checkpoints=Checkpoints(folder), **arguments)
        return trainer.model.get_weights()

    unbroken = run(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", Interrupt())
    for weight, expected in zip(run(tmp_path / "broken", resume=True), unbroken, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_distorted_images_are_shifted(load_recipe):
    """A single bright pixel moves by at most two pixels in each direction."""
    recipe = load_recipe("deep/auxiliary_task")
    images = np.zeros((500, 28, 28), "float32")
    images[:, 14, 14] = 100.0
    found = recipe.distorted(images, np.random.default_rng(0)).reshape(500, -1).argmax(axis=1)
    rows, columns = np.divmod(found, 28)
    assert set(rows) == set(columns) == {12, 13, 14, 15, 16}


def test_pairs_of_the_transfer(load_recipe):
    """The two classes are those of the seed, the first classifier has none of them, and it has consecutive labels."""
    recipe = load_recipe("deep/transfer")
    config = recipe.Config(pretraining_size=500)
    assert len(set(map(frozenset, recipe.PAIRS))) == len(recipe.PAIRS) == 10
    data = recipe.build_data(config, {})
    assert len(data["train"][0]) == 200
    assert len(data["test"][0]) == 2000
    assert set(np.unique(data["test"][1])) == {0, 1}
    images, labels = recipe.other_classes(config)
    assert set(labels) == set(range(8))
    shared = {image.tobytes() for image in images} & {image.tobytes() for image in data["train"][0]}
    assert not shared


def test_averages_replace_the_weights(load_recipe, tmp_path):
    """The mean of the weights after the last epochs, computed here, is that of the saved model."""
    snapshots = []
    recipe = load_recipe("deep/averaging")
    config = recipe.Config(averaging="swa", epochs=4, train_size=320, units=(5,))
    trainer, data = recipe.build_trainer(config), recipe.build_data(config)
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: snapshots.append(trainer.model.get_weights())
    )
    trainer.fit(
        *data["train"],
        epochs=4,
        batch_size=32,
        callbacks=[*recipe.callbacks(config, tmp_path), keep],
        verbose=False,
    )
    for position, weight in enumerate(trainer.model.get_weights()):
        mean = np.mean([snapshot[position] for snapshot in snapshots[2:]], axis=0)
        np.testing.assert_allclose(weight, mean, rtol=1e-5, atol=1e-7)
