"""Program that trains under a strategy: `python job.py FOLDER STRATEGY JSON`.

STRATEGY is `one`, `mirrored`, or, with TF_CONFIG, `workers` or `servers`. JSON maps names of runs to arguments of
`run`. The history and weights of each run are written to FOLDER, to a file named after the run and the process index.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith import optimizers
from tensorsmith.runs import cluster_from_environment
from tensorsmith.training import Checkpoints, SharpnessAware, Trainer


def mlp() -> keras.Model:
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)])


def with_metric() -> keras.Model:
    return WithMetric([keras.Input((8,)), keras.layers.Dense(3)])


def dropout() -> keras.Model:
    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((8,)), *layers])


def batch_norm() -> keras.Model:
    normalized = [keras.layers.Dense(16, use_bias=False), keras.layers.BatchNormalization(synchronized=True)]
    return keras.Sequential([keras.Input((8,)), *normalized, keras.layers.Dense(3)])


def embedding() -> keras.Model:
    layers = [keras.layers.Embedding(20, 4), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((8,), dtype="int32"), *layers])


def bag() -> keras.Model:
    layers = [keras.layers.Embedding(20, 4), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((None,), dtype="int32"), *layers])


def noisy(learning_rate: float, **options: Any) -> keras.optimizers.Optimizer:
    return optimizers.GradientNoise(keras.optimizers.SGD(learning_rate, **options), eta=0.01, seed=1)


OPTIMIZERS = {"SGD of Keras": keras.optimizers.SGD, "Adam of Keras": keras.optimizers.Adam, "noisy": noisy}


class Seen(keras.metrics.Metric):
    """Metric that counts how often each example is used. The sample weight is the index of the example."""

    def __init__(self, size: int) -> None:
        super().__init__(name="seen")
        self.counts = self.add_weight(shape=(size,), initializer="zeros", name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
        numbers = tf.cast(sample_weight, tf.int32)
        self.counts.assign_add(tf.math.bincount(numbers, minlength=self.counts.shape[0], dtype=tf.float32))

    def result(self) -> Any:
        return self.counts.value


class OwnStep(Trainer):
    """Trainer whose step logs its own loss, a metric of the model and an integer, and ignores other metrics."""

    def train_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        x, y = data
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(y, self.model(x, training=True), from_logits=True)
            mean = tf.reduce_mean(losses) / tf.distribute.get_strategy().num_replicas_in_sync
        weights = self.model.trainable_weights
        self.model.optimizer.apply_gradients(zip(tape.gradient(mean, weights), weights, strict=True))
        (seen,) = (metric for metric in self.model.metrics if metric.name == "examples")
        seen.update_state(tf.ones_like(losses))
        return {"loss": tf.reduce_mean(losses), "examples": seen.result(), "rank": tf.rank(x)}


class WithMetric(keras.Sequential):
    """Sequential model with its own metric."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.examples = keras.metrics.Sum("examples")


class Kill(keras.callbacks.Callback):
    """Callback that kills a process once, in the middle of an epoch."""

    every_batch = True

    def __init__(self, mark: Path, process: int) -> None:
        super().__init__()
        self._mark = mark
        self._process = process

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations.numpy() >= 7 and not self._mark.exists():
            self._mark.touch()
            os.kill(self._process, signal.SIGKILL)


def strategy_of(name: str, folder: Path) -> tf.distribute.Strategy:
    if name == "one":
        return tf.distribute.get_strategy()
    if name in ("workers", "servers"):
        cluster = cluster_from_environment()
        (folder / "{}-{}.pid".format(*cluster.task)).write_text(str(os.getpid()))
        if cluster.serves:
            cluster.serve()
        return cluster.strategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def run(
    out: Path,
    strategy: tf.distribute.Strategy,
    *,
    model: str = "mlp",
    size: int = 128,
    stream: bool = False,
    count: bool = False,
    kind: str = "SGD of Keras",
    optimizer: dict[str, Any] | None = None,
    checkpoints: str | None = None,
    own_step: bool = False,
    sharpness_aware: bool = False,
    trainer_options: dict[str, Any] | None = None,
    kills: int | None = None,
    validate: bool = False,
    predict: bool = False,
    **options: Any,
) -> None:
    """Train a model and write the result. Batches have 32 examples, bags have 4 to 8 words."""
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(size, 8)).astype("float32")
    y = np.argmax(x[:, :3], axis=-1).astype("int32")
    x = np.abs(10 * x).astype("int32") % 20 if model in ("embedding", "bag") else x
    data = (x, y, np.arange(size, dtype="float32")) if count else (x, y)
    make = OPTIMIZERS[kind] if kind in OPTIMIZERS else getattr(optimizers, kind)
    with strategy.scope():
        trainer = (OwnStep if own_step else SharpnessAware if sharpness_aware else Trainer)(
            globals()[model](),
            optimizer=make(**{"learning_rate": 1e-6 if count else 0.3, **(optimizer or {})}),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            weighted_metrics=[Seen(size)] if count else None,
            **{"gradient_norm": True, **(trainer_options or {})},
        )
    cluster = cluster_from_environment()
    index = cluster.task[1] if cluster else 0
    options = {"epochs": 3, "seed": 2, "verbose": False, **options}
    if checkpoints:
        options["checkpoints"] = Checkpoints(out.parent / checkpoints, every="2 steps")
    if kills is not None and (cluster.task[0] == "chief" or kills == index):
        process = int(out.with_name(f"worker-{kills}.pid").read_text())
        options["callbacks"] = [Kill(out.with_name(f"{out.name} killed"), process)]
    if stream:
        dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(size, seed=3).batch(32)
        if model == "bag":
            dataset = dataset.enumerate().map(lambda i, batch: (batch[0][:, : 4 + i % 5], *batch[1:]))
        history = trainer.fit(dataset, validation_data=dataset if validate else None, **options)
    else:
        options["validation_data"] = data if validate else None
        history = trainer.fit(*data[:2], sample_weight=(*data, None)[2], batch_size=32, **options)
    if predict:
        np.testing.assert_allclose(trainer.predict(x), trainer.model(x), rtol=1e-4, atol=1e-5)
    weights = {f"weight {i}": value for i, value in enumerate(trainer.model.get_weights())}
    np.savez(f"{out}.{index}.npz", **weights, **history.history)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    strategy = strategy_of(sys.argv[2], folder)
    for name, arguments in json.loads(sys.argv[3]).items():
        run(folder / name, strategy, **arguments)
