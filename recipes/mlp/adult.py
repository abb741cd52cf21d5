"""Adult census data with an MLP of numbers and strings, which are preprocessed in the model: classes of a table's rows.

Data: Adult, 27,561 / 5,000 / 16,281 people of the 1994 census, 6 numerical and 8 categorical features, income > 50,000
Command: tensorsmith run mlp/adult

Numbers, dates and missing values are standardized or imputed, and each string is one of the strings in the training
data or unknown. The model maps the columns of the file to the probability of each class.
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.preprocessing import FeatureModel, FeatureSpec, Impute
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.tfrecord import Feature, Schema
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (64, 32)  # units of each hidden ReLU layer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.2)  # dropout rate after each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    data: str = "adult"  # data set of columns with classes, or path of a CSV, TSV or Parquet file
    target: str | None = None  # column of the file that contains the classes; null for the last one
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 128
    train_size: PositiveInt | None = None  # number of training examples; null for all of them


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 2560, "units": (16,)}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns the preprocessing of the columns, with the statistics of the training data."""
    columns, _ = build_data(config)["train"]
    number, string = Feature("float32", optional=True, default="nan"), Feature("string")
    schema = Schema({name: string if values.dtype == object else number for name, values in columns.items()})
    # A new file may have missing values in a column that is complete in the training data.
    impute = {name: Impute("median") for name, feature in schema.features.items() if feature.dtype != "string"}
    spec = FeatureSpec(schema, impute=impute)
    spec.adapt([columns])
    return {"spec": spec}


def build_data(config: Config, prepared: dict[str, Any] | None = None) -> dict[str, Any]:
    """Loads columns of numbers and strings, and labels, which are the indices of the classes."""
    return load_splits(config.data, target=config.target, classes=True, train_size=config.train_size)


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds preprocessing with one-hot vectors of strings, hidden layers, and the probability of each class."""
    spec = prepared["spec"]
    inputs = spec.inputs()
    x = spec.encoder(spec.preprocessing(inputs))
    for units in config.units:
        x = keras.layers.Dense(units, "relu", kernel_initializer="he_normal")(x)
        x = keras.layers.Dropout(config.dropout)(x)
    classes = len(build_data(config).class_names)
    return FeatureModel(inputs, keras.layers.Dense(classes, "softmax")(x))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    return Trainer(
        build_model(config, prepared),
        optimizer=keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
