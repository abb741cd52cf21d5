"""How fast is a training loop in Python, with and without `tf.function`, compared with the Trainer?

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run custom/training_loop

Comparison: tensorsmith compare custom/training_loop --seeds 1

`eager` runs each operation from Python, `step` compiles a training step, and `epoch` compiles the loop over all steps
of an epoch. All of them train the network of 301 parameters of Géron (2019, chapter 12) on the same batches in the same
order, and reach the same losses and weights. The score `epoch seconds` in `metrics.json` is the time of the fastest
epoch. `--data fashion_mnist` trains a classifier in the same loops: with `--units 100 --penalty 0 --learning_rate 0.001
--train_size 55000`, it is the network of 79,510 parameters of an exercise of the chapter. In custom/two_optimizers, its
layers have separate optimizers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt

from tensorsmith.core import Progress, replace_file
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data import load_splits
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(Settings):
    loop: Literal["trainer", "eager", "step", "epoch"] = "step"  # form of the training loop
    data: Literal["california_housing", "fashion_mnist"] = "california_housing"  # regression or classification
    units: PositiveInt = 30  # units of the hidden ELU layer
    penalty: NonNegativeFloat = 0.05  # factor of the squared weights that are added to the loss
    learning_rate: PositiveFloat = 0.01  # learning rate of Nadam
    epochs: PositiveInt = 5  # passes over the training set
    batch_size: PositiveInt = 32  # examples per step
    train_size: PositiveInt = 11_610  # number of training examples


SCORE = "test mean_squared_error"
ANSWER = """An epoch takes {column[eager/epoch seconds]} seconds with a loop in Python, {column[step/epoch seconds]}
with a compiled step, {column[epoch/epoch seconds]} with a compiled epoch, and {column[trainer/epoch seconds]} with the
Trainer."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"loop": name} for name in ("trainer", "eager", "step", "epoch")}
COLUMNS = ("epoch seconds",)
MEASURES = {  # names of the loss and the metric in Keras
    "california_housing": ("mean_squared_error", "mean_absolute_error"),
    "fashion_mnist": ("sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
}


def build_data(config: Config) -> dict[str, Any]:
    """Loads standardized inputs, and targets of shape (n, 1). The training examples are shuffled once."""
    splits = load_splits(config.data, train_size=config.train_size)
    order = np.random.default_rng(config.seed).permutation(config.train_size)
    splits["train"] = tuple(part[order] for part in splits["train"])
    axis = 0 if config.data == "california_housing" else None
    mean, deviation = splits["train"][0].mean(axis=axis), splits["train"][0].std(axis=axis)
    return {split: ((inputs - mean) / deviation, targets[:, None]) for split, (inputs, targets) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a network with one hidden layer and weight penalties, which are in `model.losses`."""
    penalty = keras.regularizers.L2(config.penalty)
    hidden = keras.layers.Dense(config.units, "elu", kernel_initializer="he_normal", kernel_regularizer=penalty)
    if config.data == "california_housing":
        return keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(1, kernel_regularizer=penalty)])
    output = keras.layers.Dense(10, "softmax", kernel_regularizer=penalty)
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), hidden, output])


def custom_loop(config: Config, model: keras.Model, optimizer: Any, data: Any) -> Callable[[int], dict[str, float]]:
    """Returns a function that trains for one epoch, shows its progress, and returns the loss and the metric."""
    batches = tf.data.Dataset.from_tensor_slices(data).batch(config.batch_size).prefetch(1)
    loss_name, name = MEASURES[config.data]
    loss_function, metric, loss_metric = keras.losses.get(loss_name), keras.metrics.get(name), keras.metrics.Mean()

    def step(x: Tensor, y: Tensor) -> None:
        with tf.GradientTape() as tape:
            predictions = model(x, training=True)
            losses = loss_function(y, predictions)  # one for each example
            loss = tf.reduce_mean(losses) + tf.add_n(model.losses)
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)  # clips gradients and applies constraints, if any
        loss_metric.update_state(loss, sample_weight=tf.shape(x)[0])  # the last batch is smaller
        metric.update_state(y, predictions)

    compiled_step = tf.function(step) if config.loop == "step" else step

    @tf.function
    def compiled_epoch(batches: Dataset) -> None:
        for x, y in batches:
            step(x, y)

    def train_epoch(epoch: int) -> dict[str, float]:
        loss_metric.reset_state()
        metric.reset_state()
        if config.loop == "epoch":
            compiled_epoch(batches)
        else:
            with Progress() as progress:
                label = f"epoch {epoch + 1}/{config.epochs}"
                task = progress.start(label, int(batches.cardinality()), "steps")
                for number, (x, y) in enumerate(batches):
                    compiled_step(x, y)
                    task.advance()
                    if number % 50 == 0:
                        shown = f"loss {loss_metric.result():.4f}, {name} {metric.result():.4f}"
                        task.describe(f"{label}: {shown}")
        return {"loss": float(loss_metric.result()), name: float(metric.result())}

    return train_epoch


def trainer_loop(config: Config, model: keras.Model, optimizer: Any, data: Any) -> Callable[[int], dict[str, float]]:
    """Returns the same function, with the Trainer."""
    loss, metric = MEASURES[config.data]
    trainer = Trainer(model, optimizer, loss, metrics=[metric], jit=False)

    def train_epoch(epoch: int) -> dict[str, float]:
        history = trainer.fit(
            *data,
            batch_size=config.batch_size,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=False,
        ).history
        return {name: history[name][-1] for name in ("loss", metric)}

    return train_epoch


def train(config: Config, run: ProcedureRun) -> Scores:
    """Trains the network, and returns its test scores and the time of an epoch."""
    keras.utils.set_random_seed(config.seed)
    data = build_data(config)
    model = build_model(config)
    optimizer = keras.optimizers.Nadam(config.learning_rate)
    optimizer.build(model.trainable_variables)
    run.track(model=model, optimizer=optimizer)

    def scores_on(split: str) -> dict[str, float]:
        inputs, targets = data[split]
        predictions = model(inputs)
        loss, metric = MEASURES[config.data]
        losses = keras.losses.get(loss)(targets, predictions)
        return {loss: float(np.mean(losses)), metric: float(keras.metrics.get(metric)(targets, predictions))}

    loop = trainer_loop if config.loop == "trainer" else custom_loop
    train_epoch = loop(config, model, optimizer, data["train"])
    seconds = []
    while run.epoch < config.epochs:
        started = time.perf_counter()
        scores = train_epoch(run.epoch)
        seconds.append(time.perf_counter() - started)
        validation = {f"val_{name}": score for name, score in scores_on("validation").items()}
        run.end_epoch({**scores, **validation})
    with replace_file(run.folder / "model.keras") as draft:
        model.save(draft)
    timed = {"epoch": {"seconds": min(seconds)}} if seconds else {}
    return {"validation": scores_on("validation"), "test": scores_on("test"), **timed}


if __name__ == "__main__":
    run_script(__file__)
