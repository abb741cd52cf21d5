"""What cannot be trained under a strategy is refused before the first step; tests/distribution trains the rest."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import LRFinder, Trainer
from tensorsmith.training.inputs import first_batch
from tensorsmith.training.streams import StreamSource

X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")


@pytest.fixture(scope="module")
def strategy():
    return tf.distribute.MirroredStrategy(["CPU:0"])


def network():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def refused(trainer, message):
    before = trainer.model.get_weights()
    with pytest.raises(ValueError, match=message):
        trainer.fit(X, Y, verbose=False)
    for one, other in zip(before, trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_optimizer_from_outside_of_the_scope(strategy):
    optimizer = keras.optimizers.SGD()
    with strategy.scope():
        trainer = Trainer(network(), optimizer, "mse")
    refused(trainer, "made outside of the scope.*with strategy.scope")


def test_metric_from_outside_of_the_scope(strategy):
    metric = keras.metrics.MeanSquaredError()
    with strategy.scope():
        trainer = Trainer(network(), "sgd", "mse", [metric])
    refused(trainer, "made outside of the scope")


@pytest.mark.parametrize("around", [lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer])
def test_accumulation(strategy, around):
    with strategy.scope():
        trainer = Trainer(network(), around(keras.optimizers.SGD(gradient_accumulation_steps=2)), "mse")
    refused(trainer, "`gradient_accumulation_steps`: received 2, expected None under a strategy")


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_losses_that_are_no_means_over_examples(strategy, reduction):
    with strategy.scope():
        trainer = Trainer(network(), "sgd", keras.losses.MeanSquaredError(reduction=reduction))
    refused(trainer, f"`loss`: received .*{reduction}.*expected .*sum_over_batch_size")


def test_jit(strategy):
    with strategy.scope(), pytest.raises(ValueError, match="`jit`: received True, expected False"):
        Trainer(network(), "sgd", "mse", jit=True)


def test_learning_rates_under_a_strategy(strategy):
    with strategy.scope():
        trainer = Trainer(network(), "sgd", "mse")
    sweep = LRFinder(steps=5, end=0.01)(trainer, X, Y, batch_size=4)
    assert len(sweep.losses) == 5


def test_a_batch_of_ragged_or_sparse_rows_is_counted():
    ragged = tf.ragged.constant([[1.0, 2.0], [3.0], [4.0, 5.0]])
    sparse = tf.sparse.from_dense([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    for rows in (ragged, sparse):
        dataset = tf.data.Dataset.from_tensors((rows,))
        assert StreamSource(dataset, first_batch(None, dataset)).batch_size == 3
