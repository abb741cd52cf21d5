"""Where should a dense network have batch normalization: before or after the activation, or only at the input?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/batch_normalization

Comparison: tensorsmith compare deep/batch_normalization --parallel 2

`epochs_to_target` is the number of epochs until the validation accuracy is 0.85. Runs that do not reach it count as 11
epochs, a lower bound, and `reached_target` is the fraction of those that do. After training, the normalization of the
variant `before` is folded into the dense layers; `folding_error` is the largest change of a probability.
"""

import time
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.layers import fold_batch_normalization
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    position: Literal["none", "input", "before", "after"] = "before"  # batch normalization before or after each ELU
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ELU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.3, default=3e-3)  # learning rate of SGD with momentum 0.9
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """Normalization at the input has the highest accuracy ({ranking}; {seeds} seeds). Batch normalization speeds
up training more than it improves the accuracy: the target is reached after {column[none/validation epochs_to_target]}
epochs without it, {column[input/validation epochs_to_target]} at the input,
{column[before/validation epochs_to_target]} before and {column[after/validation epochs_to_target]} after the
activations."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"position": name} for name in ("none", "input", "before", "after")}
GRID = {"learning_rate": (0.003, 0.01, 0.03, 0.1)}
COLUMNS = (
    "validation epochs_to_target",
    "validation reached_target",
    "test folding_error",
    "test speedup_by_folding",
)
TARGET = 0.85  # validation accuracy


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds hidden ELU layers. With the position "after", it has 271,346 parameters by default."""
    before, after = config.position == "before", config.position == "after"
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    if config.position != "none":
        model.add(layers.BatchNormalization())
    for units in config.units:
        model.add(layers.Dense(units, kernel_initializer="he_normal", use_bias=not before))
        if before:
            model.add(layers.BatchNormalization())
        model.add(layers.Activation("elu"))
        if after:
            model.add(layers.BatchNormalization())
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer with momentum."""
    optimizer = SGD(config.learning_rate, momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the number of epochs to the target, and the effects of folding the normalization into dense layers.

    The error of folding is the largest difference between the probabilities of the two models. The speedup is the
    ratio of their prediction times.
    """
    reached = [epoch for epoch, accuracy in enumerate(run.history["val_accuracy"], start=1) if accuracy >= TARGET]
    speed = {"epochs_to_target": min([*reached, config.epochs + 1]), "reached_target": float(bool(reached))}
    scores: dict[str, Any] = {"validation": speed}
    if config.position == "before":
        images, folded = data["test"][0], fold_batch_normalization(trainer.model)
        (before, slow), (after, fast) = predict(trainer.model, images), predict(folded, images)
        scores["test"] = {"folding_error": float(abs(before - after).max()), "speedup_by_folding": slow / fast}
    return scores


def predict(model: keras.Model, images: Any) -> tuple[Any, float]:
    """Returns the probabilities of all classes, and the shortest of five prediction times in seconds."""
    function = tf.function(lambda batch: model(batch, training=False))
    probabilities = function(images)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        probabilities = function(images).numpy()
        seconds.append(time.perf_counter() - start)
    return probabilities, min(seconds)


if __name__ == "__main__":
    run_script(__file__)
