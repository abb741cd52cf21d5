"""Where should features be preprocessed: before the files are written, in the input pipeline, or in the model?

Data: Adult, 27,561 / 5,000 / 16,281 people, 6 numbers and 8 strings; labels: income above 50,000 dollars
Command: tensorsmith run data/preprocessing

Comparison: tensorsmith compare data/preprocessing

All variants read TFRecord files, standardize the numbers and encode the strings as one-hot vectors. The place does not
change what is learned, so it is a question of speed and convenience. `serial_pipeline` has neither parallel calls nor
prefetching. In `cached_pipeline`, the vectors of one epoch stay in memory, and their batches are shuffled, but not the
examples. A model that preprocesses its inputs can be served with raw columns. Files of vectors must be written again
when the preprocessing changes.
"""

import hashlib
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Dataset
from tensorsmith.data import fetch, load
from tensorsmith.data.preprocessing import FeatureModel, FeatureSpec
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.tfrecord import Schema, convert, examples, find_record_files, open_source
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    where: Literal["files", "pipeline", "serial_pipeline", "cached_pipeline", "model"] = "pipeline"  # preprocessing
    units: PositiveInt = tune.integer(10, 100, default=50)  # units of the hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # learning rate of Nadam
    epochs: PositiveInt = 5


SCORE = "test accuracy"
ANSWER = """The accuracy is the same in the pipeline, the files and the model: {score[pipeline]}, {score[files]} and
{score[model]}. The training steps per second are {column[pipeline/train steps_per_second]},
{column[files/train steps_per_second]} and {column[model/train steps_per_second]},
{column[cached_pipeline/train steps_per_second]} if the vectors are cached, and
{column[serial_pipeline/train steps_per_second]} without parallel calls ({seeds} seeds)."""
SMOKE = {"epochs": 1, "batch_size": 512}
VARIANTS = {where: {"where": where} for where in ("pipeline", "serial_pipeline", "cached_pipeline", "files", "model")}
COLUMNS = ("train steps_per_second",)


def write(name: str, split: str, columns: dict[str, Any]) -> Path:
    """Writes columns as TFRecord files to the cache folder, unless they exist already, and returns their folder.

    The name of the folder contains a hash of the columns, so that changed columns are written again.
    """
    # NumPy files contain strings, but no Python objects.
    arrays = {key: np.array(values.tolist()) for key, values in columns.items()}
    content = hashlib.sha256()
    for key, array in arrays.items():
        content.update(f"{key} {array.dtype} {array.shape}".encode() + array.tobytes())
    folder = fetch("adult") / f"tfrecord-{name}-{split}-{content.hexdigest()[:12]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
            np.savez(f"{draft}/columns.npz", **arrays)
            convert(open_source(f"{draft}/columns.npz"), f"{draft}/records", name=name, shards=4)
            try:
                Path(draft, "records").rename(folder)
            except OSError:
                if not folder.exists():  # otherwise, another process was faster
                    raise
    return folder


def read(config: Config, folder: Path, shuffle: bool) -> Dataset:
    """Returns batches of dictionaries."""
    schema = Schema.load(folder / "schema.yaml")
    return examples(find_record_files([folder]), schema, config.batch_size, shuffle=shuffle, seed=config.seed)


def raw_records(split: str) -> Path:
    """Returns the folder of the raw columns of a split, and of the label."""
    part = load("adult", split=split)
    return write("raw", split, {**part.features, "label": part.labels})


def vector_records(encode: Callable[[Any], Any], split: str) -> Path:
    """Returns the folder of the vectors of a split, and of the label."""
    vectors, labels = zip(*map(encode, read(Config(batch_size=1024), raw_records(split), shuffle=False)), strict=True)
    return write("vectors", split, {"vector": np.concatenate(vectors), "label": np.concatenate(labels)})


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns the preprocessing, adapted to the training set in one pass."""
    folder = raw_records("train")
    spec = FeatureSpec(Schema.load(folder / "schema.yaml"), exclude=["label"])
    spec.adapt(read(Config(batch_size=1024), folder, shuffle=False))
    return {"spec": spec}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Returns datasets of vectors or, if the model preprocesses its inputs, of raw columns."""
    preprocessing, encoder = prepared["spec"].preprocessing, prepared["spec"].encoder

    def encode(batch: Any) -> Any:
        return encoder(preprocessing(batch)), batch["label"]

    splits = {}
    for split in ("train", "validation", "test"):
        folder = vector_records(encode, split) if config.where == "files" else raw_records(split)
        cached = config.where == "cached_pipeline"
        batches = read(config, folder, shuffle=split == "train" and not cached)
        if config.where == "files":
            splits[split] = batches.map(lambda batch: (batch["vector"], batch["label"]))
        elif config.where == "model":
            splits[split] = batches.map(lambda batch: (batch, batch["label"]))
        elif config.where == "serial_pipeline":
            splits[split] = batches.map(encode)
        else:
            vectors = batches.map(encode, num_parallel_calls=tf.data.AUTOTUNE)
            # A cache stores the order of the first epoch, so that the batches are shuffled after it.
            stored = vectors.cache().shuffle(1000, seed=config.seed) if cached and split == "train" else vectors
            splits[split] = stored.prefetch(tf.data.AUTOTUNE)
    return splits


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds one hidden layer on the vectors, with equal initial weights in all variants."""
    spec = prepared["spec"]
    hidden = keras.layers.Dense(config.units, "relu", kernel_initializer=keras.initializers.HeNormal(config.seed))
    output = keras.layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.GlorotUniform(config.seed))
    if config.where == "model":
        inputs = spec.inputs()
        return FeatureModel(inputs, output(hidden(spec.encoder(spec.preprocessing(inputs)))))
    return keras.Sequential([keras.Input(spec.encoder.output.shape[1:]), hidden, output])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Nadam optimizer."""
    return Trainer(
        build_model(config, prepared),
        optimizer=keras.optimizers.Nadam(config.learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the speed of training, if the model was trained in this process."""
    speed = trainer.steps_per_second
    return {} if math.isnan(speed) else {"train": {"steps_per_second": speed}}


if __name__ == "__main__":
    run_script(__file__)
