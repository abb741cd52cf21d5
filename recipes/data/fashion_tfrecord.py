"""Fashion-MNIST from the published files to sharded TFRecord files, and from these to a trained classifier.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run data/fashion_tfrecord

The first run converts the IDX files to ten shards for each split, in the cache folder of the data set. The bottleneck
is the model, not the reading. `tensorsmith run data/fashion_tfrecord --profile` records what each step waits for. With
`--statistics pixel`, each pixel is standardized by its own mean and deviation.
"""

import functools
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Dataset
from tensorsmith.data import fetch
from tensorsmith.layers import Standardization
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.tfrecord import Schema, convert, examples, find_record_files, open_source
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    shards: PositiveInt = 10  # TFRecord files of each split
    statistics: Literal["shared", "pixel"] = "shared"  # one mean and standard deviation, or one for each pixel
    units: PositiveInt = tune.integer(50, 300, default=100)  # units of the hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # learning rate of Nadam
    epochs: PositiveInt = 5
    steps: NonNegativeInt = 0  # number of batches of the training set that are used, or 0 for all of them


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "steps": 100}


@functools.cache
def record_files(shards: int) -> dict[str, list[Path]]:
    """Returns the shards of each split, which are written if they do not exist yet."""
    source, folder = fetch("fashion_mnist"), fetch("fashion_mnist") / f"tfrecord-{shards}"
    parts = {"train": {"validation": 5 / 60, "train": 55 / 60}, "t10k": {"test": 1.0}}
    folder.mkdir(exist_ok=True)
    for prefix, split in parts.items():
        if not (folder / prefix).exists():
            idx = open_source([str(path) for path in sorted(source.glob(f"{prefix}-*"))])
            with tempfile.TemporaryDirectory(dir=folder) as draft:
                convert(idx, f"{draft}/{prefix}", name="fashion", split=split, shards=shards, workers=2)
                try:
                    Path(draft, prefix).rename(folder / prefix)
                except OSError:
                    if not (folder / prefix).exists():  # otherwise, another process was faster
                        raise
    files = find_record_files([str(folder / prefix) for prefix in parts])
    return {split: [path for path in files if f"-{split}." in path.name] for split in ("train", "validation", "test")}


def dataset(config: Config, split: str, shuffle: bool = False) -> Dataset:
    """Returns batches of images, as integers from 0 to 255, and labels."""
    files = record_files(config.shards)[split]
    schema = Schema.load(files[0].parent / "schema.yaml")
    # The records are found by their indices, so that shuffling needs no buffer.
    batches = examples(files, schema, config.batch_size, shuffle=shuffle, seed=config.seed)
    return batches.map(lambda example: (example["image"], example["label"]))


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns a layer that standardizes images with the statistics of the training set."""
    standardization = Standardization(axis=None if config.statistics == "shared" else (1, 2))
    standardization.adapt(dataset(config, "train").map(lambda images, labels: images))
    return {"standardization": standardization}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Returns datasets of batches that are read from the shards."""
    train = dataset(config, "train", shuffle=True)
    return {
        "train": train.take(config.steps) if config.steps else train,
        "validation": dataset(config, "validation"),
        "test": dataset(config, "test"),
    }


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a model of integer pixels, which are standardized with the statistics of the training set."""
    hidden = keras.layers.Dense(config.units, "relu", kernel_initializer="he_normal")
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            prepared["standardization"],
            keras.layers.Flatten(),
            hidden,
            keras.layers.Dense(10, "softmax"),
        ]
    )


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Nadam optimizer."""
    return Trainer(
        build_model(config, prepared),
        optimizer=keras.optimizers.Nadam(config.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the speed of reading alone, to compare it with the steps per second of training."""
    batches = data["train"]
    for _ in batches.take(10):  # the first batches include the start of the pipeline
        pass
    started = time.perf_counter()
    for _ in batches:
        pass
    reading = int(batches.cardinality()) / (time.perf_counter() - started)
    return {"train": {"batches_per_second": reading}}


if __name__ == "__main__":
    run_script(__file__)
