"""Which regularizer improves a dense network on 10,000 images of Fashion-MNIST, if each has its own strength?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/regularizers

Comparison: tensorsmith compare deep/regularizers --parallel 2

The strength has no effect on `none`. The training accuracy is measured after training, without dropout.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer

Name = Literal["none", "l1", "l2", "dropout", "max_norm", "alpha_dropout"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    regularizer: Name = "dropout"  # regularizer of the dense layers; "alpha_dropout" also replaces ELU by SELU
    strength: Literal["weak", "medium", "strong"] = tune.choice(["weak", "medium", "strong"])  # see STRENGTHS
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.01)  # learning rate of SGD with momentum 0.9
    epochs: PositiveInt = 30
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """Dropout has the highest accuracy ({ranking}; {seeds} seeds): its gain is {gain[dropout]}. Dropout lowers
the log loss from {column[none/test log_loss]} to {column[dropout/test log_loss]}, and l2 to
{column[l2/test log_loss]}."""
SMOKE = {"epochs": 1, "train_size": 640}
STRENGTHS = {  # factor of the penalty, dropout rate, or largest norm of the weights of a unit
    "none": {"weak": 0.0, "medium": 0.0, "strong": 0.0},
    "l1": {"weak": 1e-5, "medium": 1e-4, "strong": 1e-3},
    "l2": {"weak": 1e-4, "medium": 1e-3, "strong": 1e-2},
    "dropout": {"weak": 0.1, "medium": 0.2, "strong": 0.4},
    "max_norm": {"weak": 2.0, "medium": 1.5, "strong": 1.0},
    "alpha_dropout": {"weak": 0.05, "medium": 0.1, "strong": 0.2},
}
VARIANTS = {name: {"regularizer": name} for name in STRENGTHS}
GRID = {"strength": ("weak", "medium", "strong")}
COLUMNS = ("test log_loss", "train accuracy")


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with regularized layers.

    Dropout is applied before each dense layer, alpha dropout only to the outputs of SELU layers.
    """
    amount = STRENGTHS[config.regularizer][config.strength]
    selu = config.regularizer == "alpha_dropout"
    settings: dict[str, Any] = {
        "activation": "selu" if selu else "elu",
        "kernel_initializer": "lecun_normal" if selu else "he_normal",
    }
    dropout = {"dropout": keras.layers.Dropout, "alpha_dropout": keras.layers.AlphaDropout}.get(config.regularizer)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten()])
    for units in (*config.units, 10):
        if dropout and not (selu and len(model.layers) == 1):  # the inputs are not standardized
            model.add(dropout(amount))
        if config.regularizer in ("l1", "l2"):
            settings["kernel_regularizer"] = getattr(keras.regularizers, config.regularizer)(amount)
        if config.regularizer == "max_norm" and units != 10:
            settings["kernel_constraint"] = keras.constraints.MaxNorm(amount)
        if units == 10:
            settings.update(activation="softmax", kernel_initializer="glorot_uniform", kernel_constraint=None)
        model.add(keras.layers.Dense(units, **settings))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer with momentum."""
    optimizer = SGD(config.learning_rate, momentum=0.9)
    metrics = ["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="log_loss")]
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", metrics, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the accuracy on the training set, without dropout."""
    return {"train": {"accuracy": trainer.evaluate(*data["train"], batch_size=config.batch_size)["accuracy"]}}


if __name__ == "__main__":
    run_script(__file__)
