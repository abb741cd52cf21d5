"""Fashion-MNIST in seconds: how soon does a network reach a validation accuracy of 0.885?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run mlp/fast_fashion_mnist

`seconds_to_target` is the time from the call of `fit` to the end of the first epoch with a validation accuracy of at
least 0.885, including compilation. `textbook_seconds` is the time of the textbook run in the same process: 30 epochs of
Keras `fit` with SGD, a learning rate of 0.01 and batches of 32 images.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import OneCycle
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=6e-3)  # highest rate of AdamW, with 1cycle
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 256
    train_size: PositiveInt = 55_000  # number of training examples
    textbook_epochs: NonNegativeInt = 30  # epochs of the textbook run; 0 leaves it out
    jit: bool | Literal["auto", "measure"] = False  # XLA, whose compilation takes longer than it saves here


SCORE = "test accuracy"
ANSWER = """After {run[validation seconds_to_target]} seconds, compared with {run[validation textbook_seconds]} seconds
for 30 epochs with textbook settings, which reach {run[validation textbook_accuracy]}."""
SMOKE = {"epochs": 1, "train_size": 640, "textbook_epochs": 1}
TARGET = 0.885  # validation accuracy


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with hidden ReLU layers. It has 266,610 parameters by default."""
    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for units in config.units]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, AdamW and the 1cycle policy."""
    rate = config.learning_rate
    return Trainer(
        build_model(config),
        optimizer=AdamW(OneCycle(rate / 10, rate, "100%")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the times of a second run of the recipe and of the textbook run."""
    if not config.textbook_epochs:
        return {}
    again = run.train("again", build_trainer(config), data, epochs=config.epochs, batch_size=config.batch_size)
    reached = [
        seconds
        for seconds, accuracy in zip(again.seconds, again.history["val_accuracy"], strict=True)
        if accuracy >= TARGET
    ]
    model = build_model(config)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    textbook = run.train("textbook", model, data, epochs=config.textbook_epochs)
    times = {"textbook_seconds": textbook.seconds[-1], "textbook_accuracy": max(textbook.history["val_accuracy"])}
    if reached:
        times.update(seconds_to_target=reached[0], speedup=textbook.seconds[-1] / reached[0])
    return {"validation": times}


if __name__ == "__main__":
    run_script(__file__)
