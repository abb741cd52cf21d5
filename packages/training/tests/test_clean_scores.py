"""Tests of scores on training data without dropout, which must not affect training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from resumable import Reused

from tensorsmith.core import ArgumentError
from tensorsmith.training import Checkpoints, CleanScores, Trainer

DATA = np.random.default_rng(0)
X = DATA.normal(size=(70, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Noise(keras.layers.Layer):
    """Layer that draws random numbers in inference as well, so that each evaluation changes a seed."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(2)

    def call(self, inputs):
        return inputs + 0 * keras.random.normal(keras.ops.shape(inputs), seed=self.seed_generator)


@Reused
def make_trainer():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, "tanh"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5), Noise()]
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    sgd = keras.optimizers.SGD(0.05, momentum=0.9)
    return Trainer(model, sgd, "mean_squared_error", ["mean_absolute_error"], jit=False)


def fit(trainer, epochs=4, clean=True, every="1 epoch", **arguments):
    callbacks = [CleanScores(trainer, X, Y, every=every)] if clean else []
    return trainer.fit(X, Y, epochs=epochs, batch_size=16, seed=3, callbacks=callbacks, verbose=False, **arguments)


def state(trainer):
    variables = [*trainer.model.variables, *trainer.model.optimizer.variables]
    return [np.array(variable) for variable in variables]


def test_scores_match_predictions():
    trainer = make_trainer()
    history = fit(trainer).history
    error = trainer.predict(X).astype("float64") - Y
    assert history["clean_loss"][-1] == pytest.approx(np.square(error).mean(), rel=1e-5)
    assert history["clean_mean_absolute_error"][-1] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert history["clean_loss"][-1] < history["loss"][-1]


def test_training_is_unaffected():
    both = []
    for clean in (False, True):
        trainer = make_trainer()
        history = fit(trainer, clean=clean, validation_data=(X[:9], Y[:9])).history
        both.append(([history["loss"], history["val_loss"]], [*state(trainer), trainer.model.get_metrics_result()]))
    assert both[0][0] == both[1][0]
    for without, there in zip(both[0][1], both[1][1], strict=True):
        np.testing.assert_array_equal(there, without)


def test_resumed_run(tmp_path):
    trainer = make_trainer()
    expected = fit(trainer).history
    end = state(trainer)
    fit(make_trainer(), epochs=2, checkpoints=Checkpoints(tmp_path))
    found = fit(make_trainer(), checkpoints=Checkpoints(tmp_path), resume=True).history
    assert found == expected
    for there, here in zip(end, state(trainer), strict=True):
        np.testing.assert_array_equal(here, there)


def test_every_two_epochs_with_dataset():
    trainer = make_trainer()
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    scores = CleanScores(trainer, dataset, every="2 epochs")
    history = trainer.fit(dataset, epochs=4, callbacks=[scores], verbose=False).history
    assert len(history["clean_loss"]) == 2
    assert history["clean_loss"][-1] == pytest.approx(trainer.evaluate(X, Y)["loss"], rel=1e-5)


@pytest.mark.parametrize("every", ["10 steps", "0.5 epochs", "0 epochs"])
def test_invalid_every(every):
    with pytest.raises(ArgumentError, match="every"):
        CleanScores(make_trainer(), X, Y, every=every)
