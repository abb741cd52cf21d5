"""Tests that unsupported models raise errors with a strategy. tests/distribution tests training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import LRFinder, Trainer
from tensorsmith.training.inputs.checked import first_batch
from tensorsmith.training.inputs.streams import StreamSource

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


def test_optimizer_outside_scope(strategy):
    optimizer = keras.optimizers.SGD()
    with strategy.scope():
        trainer = Trainer(network(), optimizer, "mse")
    refused(
        trainer,
        "model must be created within the scope of MirroredStrategy.*Create the model, the optimizer, the metrics",
    )


def test_model_outside_scope(strategy):
    model = network()
    with strategy.scope():
        trainer = Trainer(model, "sgd", "mse")
    message = "model must be created within the scope of MirroredStrategy, got .*, which was created outside"
    refused(trainer, message)
    with pytest.raises(ValueError, match=message):
        trainer.evaluate(X, Y)


def test_fit_within_scope_of_trainer_outside(strategy):
    trainer = Trainer(network(), "sgd", "mse")
    with strategy.scope():
        refused(trainer, r"within the scope of MirroredStrategy, .* the trainer inside `with strategy.scope\(\):`")
    trainer.fit(X, Y, verbose=False)


def test_metric_outside_scope(strategy):
    metric = keras.metrics.MeanSquaredError()
    with strategy.scope():
        trainer = Trainer(network(), "sgd", "mse", [metric])
    refused(trainer, "model must be created within the scope of MirroredStrategy")


def test_accumulation_in_wrapped_optimizer(strategy):
    with strategy.scope():
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(gradient_accumulation_steps=2))
        trainer = Trainer(network(), optimizer, "mse")
    refused(
        trainer,
        "gradient_accumulation_steps must be None with parameter servers and, .*, in wrapped optimizers, got 2",
    )


def test_accumulation_with_averaged_weights(strategy):
    with strategy.scope():
        optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2, use_ema=True)
        trainer = Trainer(network(), optimizer, "mse")
    refused(trainer, "use_ema must be False when gradients are accumulated across replicas, got True")


def test_accumulation_with_schedule(strategy):
    with strategy.scope():
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        trainer = Trainer(network(), keras.optimizers.SGD(rate, gradient_accumulation_steps=2), "mse")
    refused(
        trainer,
        "optimizer must have a constant learning rate when .*Pass the schedule to the trainer with the argument",
    )


@pytest.mark.parametrize("jit", [False, True])
def test_accumulation(strategy, jit):
    """Tests incomplete accumulation against that of Keras on one device, including the step count."""
    scopes = {"alone": tf.distribute.get_strategy().scope(), "replicas": strategy.scope()}
    x = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    weights, counts, rates = {}, {}, {}
    for name, scope in scopes.items():
        with scope:
            keras.utils.set_random_seed(0)
            optimizer = keras.optimizers.Adam(0.1, gradient_accumulation_steps=4)
            schedules = {"rate": (optimizer.learning_rate, keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))}
            trainer = Trainer(network(), optimizer, "mse", schedules=schedules, jit=jit)
        trainer.fit(x, x[:, :1], batch_size=1, shuffle=False, verbose=False)
        counts[name] = int(keras.ops.convert_to_numpy(optimizer.iterations))
        rates[name] = float(optimizer.learning_rate.numpy())
        assert optimizer.gradient_accumulation_steps == 4
        weights[name] = [*trainer.model.get_weights(), *(np.array(variable) for variable in optimizer.variables)]
    assert counts == {"alone": 2, "replicas": 2}
    assert rates["alone"] == rates["replicas"]
    for one, other in zip(weights["alone"], weights["replicas"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def deep():
    layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((2,)), *layers])


def test_accumulation_with_frozen_layer(strategy):
    """Tests that gradients accumulated before freezing are discarded at the next update, as in Keras."""
    weights = {}
    for scope in (tf.distribute.get_strategy().scope(), strategy.scope()):
        with scope:
            keras.utils.set_random_seed(0)
            trainer = Trainer(deep(), keras.optimizers.SGD(0.1, gradient_accumulation_steps=4), "mse", jit=False)
        for size, trainable in ((5, True), (4, False), (6, True)):  # 15 steps, frozen from the sixth to the ninth
            trainer.model.get_layer("first").trainable = trainable
            trainer.fit(X[:size] * size, Y[:size], batch_size=1, shuffle=False, verbose=False)
        weights[scope] = trainer.model.get_weights()
    for one, other in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_accumulation_with_unknown_weights(strategy):
    with strategy.scope():
        trainer = Trainer(deep(), keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    trainer.model.get_layer("first").trainable = False
    trainer.fit(X, Y, verbose=False)
    trainer.model.get_layer("first").trainable = True
    refused(trainer, "weight must be one of the variables that its optimizer was built with.*got .*first/kernel")


def test_clipping_optimizer_in_list(strategy):
    with strategy.scope():
        trainer = Trainer(network(), "sgd", "mse")
        trainer.others = [keras.optimizers.SGD(clipnorm=0.1)]
    refused(trainer, "optimizer must be the value of an attribute of the trainer or of a layer under a distribution")


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_unsupported_loss_reductions(strategy, reduction):
    with strategy.scope():
        trainer = Trainer(network(), "sgd", keras.losses.MeanSquaredError(reduction=reduction))
    refused(trainer, f"reduction of the loss must be 'sum_over_batch_size' .*, got '{reduction}'")


def test_jit_with_synchronized_layers(strategy):
    with strategy.scope():
        layers = [keras.Input((2,)), keras.layers.BatchNormalization(synchronized=True), keras.layers.Dense(1)]
        trainer = Trainer(keras.Sequential(layers), "sgd", "mse", jit=True)
    refused(trainer, "jit must be False when layers synchronize replicas, such as batch_normalization.*, got True")


def test_lr_finder_under_strategy(strategy):
    with strategy.scope():
        trainer = Trainer(network(), "sgd", "mse")
    sweep = LRFinder(steps=5, end=0.01)(trainer, X, Y, batch_size=4)
    assert len(sweep.losses) == 5


def test_batch_size_of_ragged_and_sparse_batches():
    ragged = tf.ragged.constant([[1.0, 2.0], [3.0], [4.0, 5.0]])
    sparse = tf.sparse.from_dense([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    for rows in (ragged, sparse):
        dataset = tf.data.Dataset.from_tensors((rows,))
        assert StreamSource(dataset, first_batch(None, dataset)).batch_size == 3
