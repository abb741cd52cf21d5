"""Linear data with noise, for tests of `tensorsmith tune`, with a log of epochs and a scheduled kill of the process."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorsmith.tuning as tune


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    learning_rate: float = tune.log_uniform(1e-3, 0.3, default=0.1)  # learning rate of SGD
    units: tuple[int, ...] = tune.choice([(4,), (8, 4)])  # units of each hidden layer
    dropout: float = tune.uniform(0.0, 0.5, when={"units": ((8, 4),)})  # dropout rate after each hidden layer
    epochs: int = 4  # number of epochs
    batch_size: int = 16  # samples per batch
    jit: bool = False  # compile with XLA
    seed: int = 0  # random seed


SMOKE = {"epochs": 1}


def build_data(config: Config) -> dict[str, Any]:
    import numpy as np

    generator = np.random.default_rng(0)
    x = generator.normal(size=(160, 3)).astype("float32")
    y = x @ [1.0, -2.0, 0.5] + generator.normal(size=160)
    return {"train": (x[:128], y[:128]), "validation": (x[128:], y[128:])}


def build_trainer(config: Config) -> Any:
    import keras

    from tensorsmith.training import Trainer

    layers = [keras.Input((3,))]
    for units in config.units:
        layers += [keras.layers.Dense(units, "relu"), keras.layers.Dropout(config.dropout)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    return Trainer(model, keras.optimizers.SGD(config.learning_rate), "mean_squared_error", jit=config.jit)


def callbacks(config: Config, folder: Path) -> list[Any]:
    """Appends each epoch to the file DIARY; END=trial_1-3:9 sends signal 9 once, after epoch 3 of trial 1."""
    import keras

    class Diary(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if "DIARY" not in os.environ:
                return
            diary = Path(os.environ["DIARY"])
            with diary.open("a") as file:
                file.write(f"{folder.name}-{epoch + 1}\n")
            location, _, number = os.environ.get("END", "").partition(":")
            if location == f"{folder.name}-{epoch + 1}" and diary.read_text().split().count(location) == 1:
                os.kill(os.getpid(), int(number))

    return [Diary()]
