"""Transfer learning on Fashion-MNIST with 500 labels, from an encoder that was pretrained without labels.

Data: Fashion-MNIST, 500 labelled training images of 28x28 pixels; the encoder is pretrained on 55,000 without labels
Command: tensorsmith run transfer/hub_local

The encoder of autoencoder/stacked is exported as a SavedModel, the format of TensorFlow Hub modules, and loaded
as a layer. `--module` selects another module that maps such images to vectors, by its folder or TensorFlow Hub address.
A module can run code, so `evaluate`, `predict` and `export` of a run require `--trust`. For the default encoder,
`from_scratch` is the accuracy of the same network trained from random weights.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor, Variable
from tensorsmith.data import fetch, load_splits
from tensorsmith.layers import HubLayer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer, export_once


@dataclass(frozen=True)
class Config(TrainingSettings):
    module: str = ""  # folder or address of a module; if empty, one is trained and exported to the cache folder
    pretraining_epochs: PositiveInt = 10  # passes of the autoencoder over its training set
    pretraining_size: PositiveInt = 55_000  # number of images without labels
    trainable: bool = True  # fine-tune the module; if false, train only the classifier on top of it
    train_size: PositiveInt = 500  # number of labelled training images
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 3e-3, default=3e-4)  # learning rate of Adam
    epochs: PositiveInt = 60
    jit: bool | Literal["auto", "measure"] = False  # compile the training loop with XLA, which modules do not support


CODE_FIELDS = ("module",)  # modules can run code
SCORE = "test accuracy"
ANSWER = """An accuracy of {run[test accuracy]} with 500 labels, compared with {run[test from_scratch]} for the same
network trained from random weights."""
SMOKE = {"pretraining_epochs": 1, "pretraining_size": 3200, "epochs": 2}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains an autoencoder, and returns its encoder, unless another module is used."""
    if config.module:
        return {}
    fields = {"epochs": config.pretraining_epochs, "train_size": config.pretraining_size}
    autoencoder = run.trained("autoencoder/stacked", **fields)
    return {"encoder": autoencoder.get_layer("encoder")}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9, with a reduced training set."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier that consists of the module, batch normalization and a softmax layer."""
    handle = config.module or export_once(prepared["encoder"], fetch("fashion_mnist"))
    module = HubLayer(handle, trainable=config.trainable)
    head = [keras.layers.BatchNormalization(), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), module, *head])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    return trainer_of(build_model(config, prepared), config)


def trainer_of(model: keras.Model, config: Config) -> Trainer:
    """Returns a trainer that trains the given model with the settings of this recipe."""
    return Trainer(
        model,
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the test accuracy of a network trained from scratch, if the default module is used."""
    if config.module:  # initializers of other modules are unknown
        return {}

    def fresh(weight: Variable) -> Tensor:
        initializer = keras.initializers.LecunNormal() if len(weight.shape) > 1 else keras.initializers.Zeros()
        return initializer(weight.shape)

    model = build_model(replace(config, trainable=True), run.prepared)
    model.layers[0].set_weights([fresh(weight) for weight in model.layers[0].weights])
    scratch = trainer_of(model, config)
    run.train("from_scratch", scratch, data, epochs=config.epochs, batch_size=config.batch_size)
    return {"test": {"from_scratch": scratch.evaluate(*data["test"], batch_size=config.batch_size)["accuracy"]}}


if __name__ == "__main__":
    run_script(__file__)
