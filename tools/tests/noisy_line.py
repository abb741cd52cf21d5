"""A noisy line, for tests of `tensorsmith tune`: it keeps a diary, and kills its process where it is told to.

Seed: 0
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorsmith.tuning as tune


@dataclass(frozen=True)
class Config:
    """What can be changed."""

    learning_rate: float = tune.log_uniform(1e-3, 0.3, default=0.1)  # of SGD
    units: tuple[int, ...] = tune.choice([(4,), (8, 4)])  # of hidden layers
    dropout: float = tune.uniform(0.0, 0.5, when={"units": ((8, 4),)})  # behind them
    epochs: int = 4  # passes over the points
    batch_size: int = 16  # points per step
    jit: bool = False  # compile with XLA
    seed: int = 0  # of everything


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
    """Writes each epoch into DIARY; END=trial_1-3:9 sends signal 9 after epoch 3 of trial 1, once."""
    import keras

    class Diary(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if "DIARY" not in os.environ:
                return
            diary = Path(os.environ["DIARY"])
            with diary.open("a") as file:
                file.write(f"{folder.name}-{epoch + 1}\n")
            place, _, number = os.environ.get("END", "").partition(":")
            if place == f"{folder.name}-{epoch + 1}" and diary.read_text().split().count(place) == 1:
                os.kill(os.getpid(), int(number))

    return [Diary()]
