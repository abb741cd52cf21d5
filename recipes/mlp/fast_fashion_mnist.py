"""Fashion-MNIST in seconds: how soon does a network reach a validation accuracy of 0.885?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run mlp/fast_fashion_mnist
Score: test accuracy 0.879
Seconds: 134 on 2 cores
Seed: 0

`seconds_to_target` is the time from the call of `fit` to the end of the first epoch with a validation accuracy of at
least 0.885, including compilation. `textbook_seconds` is the time of the textbook run in the same process: 30 epochs of
Keras `fit` with SGD, a learning rate of 0.01 and batches of 32 images. With seed 0, they are 3.0 and 122 seconds. The
best validation accuracy of the textbook run is 0.889, which this recipe exceeds at the same time as 0.885.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=6e-3)  # highest rate of AdamW, with 1cycle
    epochs: PositiveInt = 3  # passes over the training set
    batch_size: PositiveInt = 256  # examples per step
    train_size: PositiveInt = 55_000  # number of training examples
    textbook_epochs: NonNegativeInt = 30  # epochs of the textbook run; 0 leaves it out
    jit: bool | Literal["auto", "measure"] = False  # XLA, whose compilation takes longer than it saves here
    seed: NonNegativeInt = 0  # random seed of initial weights and shuffling


SMOKE = {"epochs": 1, "train_size": 640, "textbook_epochs": 1}
TARGET = 0.885  # validation accuracy


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    from tensorsmith.data import load_splits

    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> "keras.Model":
    """Builds a classifier with hidden ReLU layers. It has 266,610 parameters by default."""
    import keras

    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for units in config.units]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config) -> "Trainer":
    """Builds a trainer with cross-entropy loss, AdamW and the 1cycle policy."""
    from tensorsmith.optimizers import AdamW
    from tensorsmith.schedules import OneCycle
    from tensorsmith.training import Trainer

    rate = config.learning_rate
    return Trainer(
        build_model(config),
        optimizer=AdamW(OneCycle(rate / 10, rate, "100%")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, trainer: "Trainer", data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the times of a second run of the recipe and of the textbook run."""
    import keras

    if not config.textbook_epochs:
        return {}
    start, seconds, epochs = 0.0, [], []

    def note(epoch: int, logs: dict[str, float]) -> None:
        seconds.append(time.perf_counter() - start)
        epochs.append(logs["val_accuracy"])

    clock = keras.callbacks.LambdaCallback(on_epoch_end=note)
    settings = {"validation_data": data["validation"], "callbacks": [clock]}
    keras.utils.set_random_seed(config.seed)
    again = build_trainer(config)
    start = time.perf_counter()
    again.fit(
        *data["train"],
        epochs=config.epochs,
        batch_size=config.batch_size,
        seed=config.seed,
        verbose=False,
        **settings,
    )
    reached = [second for second, accuracy in zip(seconds, epochs, strict=True) if accuracy >= TARGET]
    model = build_model(config)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    start, seconds, epochs = time.perf_counter(), [], []
    model.fit(*data["train"], epochs=config.textbook_epochs, batch_size=32, verbose=0, **settings)
    times = {"textbook_seconds": seconds[-1], "textbook_accuracy": max(epochs)}
    if reached:
        times.update(seconds_to_target=reached[0], speedup=seconds[-1] / reached[0])
    return {"validation": times}


if __name__ == "__main__":
    from tensorsmith.recipes import run_script

    run_script(__file__)
