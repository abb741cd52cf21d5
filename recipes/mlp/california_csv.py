"""California housing prices from 40 CSV files, with a small network that standardizes its inputs.

Data: California housing, 11,610 / 3,870 / 5,160 districts, written to 20 / 10 / 10 CSV files
Command: tensorsmith run mlp/california_csv

The files are written to the cache folder of the data set. The model standardizes its inputs with the statistics of the
training files. `--epochs 10 --learning_rate 0.001` are the settings of Géron (2019, chapter 13).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core import replace_file
from tensorsmith.core.types import Tensor
from tensorsmith.data import fetch, load
from tensorsmith.data.pipelines import Pipeline
from tensorsmith.layers import Standardization
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = tune.integer(10, 100, default=30)  # units of the hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # learning rate of SGD
    epochs: PositiveInt = 20
    shuffle: PositiveInt = 1000  # lines in a block that is shuffled


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1}
FILES = {"train": 20, "validation": 10, "test": 10}  # number of CSV files of each split


def csv_files(split: str) -> tuple[str, int]:
    """Writes the CSV files of a split to the cache folder, unless they exist.

    Returns:
        A pattern that matches the files, and the number of examples.
    """
    data = load("california_housing", split=split)
    folder = fetch(data.name) / "csv"
    folder.mkdir(exist_ok=True)
    header = ",".join([*data.feature_names, "MedHouseVal"])
    rows = np.column_stack([data.features, data.labels])
    for number, part in enumerate(np.array_split(rows, FILES[split])):
        path = folder / f"{split}_{number:02}.csv"
        if not path.exists():
            with replace_file(path) as draft:
                draft.write_text("\n".join([header, *(",".join(map(str, row)) for row in part)]) + "\n")
    return str(folder / f"{split}_*.csv"), len(rows)


def parse(lines: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the features of shape (batch, 8) and the prices of CSV lines. Empty features are 0."""
    required = tf.constant([], tf.float32)  # an empty price is an error
    *features, prices = tf.io.decode_csv(lines, [0.0] * 8 + [required])
    return tf.stack(features, axis=1), prices


def pipeline(config: Config, split: str) -> Pipeline:
    """Builds the pipeline that reads the files of a split. Training data are shuffled."""
    files, count = csv_files(split)
    return Pipeline(
        files=files,
        format="csv",
        batch_size=config.batch_size,
        parse=parse,
        shuffle=config.shuffle if split == "train" else 0,
        seed=config.seed,
        cache=True,
        count=count,
    )


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns a layer that standardizes features with the statistics of the training files."""
    standardization = Standardization()
    standardization.adapt(pipeline(config, "train").dataset().map(lambda features, prices: features))
    return {"standardization": standardization}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Builds the datasets of features, which are not standardized, and prices."""
    return {split: pipeline(config, split).dataset() for split in FILES}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a network with one hidden layer. It has 301 trainable parameters by default."""
    return keras.Sequential(
        [
            keras.Input((8,)),
            prepared["standardization"],
            keras.layers.Dense(config.units, "relu"),
            keras.layers.Dense(1),
        ]
    )


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with mean squared error loss and SGD."""
    return Trainer(
        build_model(config, prepared),
        optimizer=SGD(config.learning_rate),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
