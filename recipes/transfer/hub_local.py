"""Transfer learning on Fashion-MNIST with 500 labels, from an encoder that was pretrained without labels.

Data: Fashion-MNIST, 500 labelled training images of 28x28 pixels; the encoder is pretrained on 55,000 without labels
Command: tensorsmith run transfer/hub_local
Score: test accuracy 0.778
Seconds: 36 on 2 cores
Seed: 0

The encoder of autoencoder/fashion_mnist is exported as a SavedModel, the format of TensorFlow Hub modules, and loaded
as a layer. `--module` selects another module that maps such images to vectors, by its folder or TensorFlow Hub address.
A module can run code, so `evaluate`, `predict` and `export` of a run require `--trust`. For the default encoder,
`from_scratch` is the accuracy of the same network trained from random weights.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune

if TYPE_CHECKING:
    import keras

    from tensorsmith.core.types import Tensor, Variable
    from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    module: str = ""  # folder or address of a module; if empty, one is trained and exported to runs/modules
    pretraining_epochs: PositiveInt = 10  # passes of the autoencoder over its training set
    trainable: bool = True  # fine-tune the module; if false, train only the classifier on top of it
    train_size: PositiveInt = 500  # number of labelled training images
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 3e-3, default=3e-4)  # learning rate of Adam
    epochs: PositiveInt = 60  # passes over the training set
    batch_size: PositiveInt = 32  # examples per step
    jit: bool | Literal["auto", "measure"] = False  # compile the training loop with XLA, which modules do not support
    seed: NonNegativeInt = 0  # random seed of initial weights and shuffling


CODE_FIELDS = ("module",)  # modules can run code
SMOKE = {"pretraining_epochs": 1, "epochs": 2}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9, with a reduced training set."""
    from tensorsmith.data import load_splits

    return load_splits("fashion_mnist", train_size=config.train_size)


def build_module(config: Config) -> str:
    """Returns the folder or URL of the module, after training and exporting the encoder if necessary."""
    from tensorsmith.recipes import find_recipe
    from tensorsmith.training import export

    if config.module:
        return config.module
    folder = Path("runs/modules").absolute() / f"fashion_mnist-encoder-{config.pretraining_epochs}-{config.seed}"
    if not folder.exists():
        recipe = find_recipe("autoencoder/fashion_mnist").recipe
        settings = recipe.config_class(epochs=config.pretraining_epochs, seed=config.seed)
        trainer = recipe.build_trainer(settings)
        images, targets = recipe.build_data(settings)["train"]
        trainer.fit(images, targets, epochs=settings.epochs, batch_size=settings.batch_size, seed=settings.seed)
        export(trainer.model.get_layer("encoder"), folder)
    return str(folder)


def build_model(config: Config) -> "keras.Model":
    """Builds a classifier that consists of the module, batch normalization and a softmax layer."""
    import keras

    from tensorsmith.layers import HubLayer

    module = HubLayer(build_module(config), trainable=config.trainable)
    keras.utils.set_random_seed(config.seed)  # pretraining, if any, must not change the initial weights
    head = [keras.layers.BatchNormalization(), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), module, *head])


def build_trainer(config: Config) -> "Trainer":
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    return trainer_of(build_model(config), config)


def trainer_of(model: "keras.Model", config: Config) -> "Trainer":
    """Returns a trainer that trains the given model with the settings of this recipe."""
    import keras

    from tensorsmith.training import Trainer

    return Trainer(
        model,
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, trainer: "Trainer", data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the test accuracy of a network trained from scratch, if the default module is used."""
    import keras

    if config.module:  # initializers of other modules are unknown
        return {}

    def fresh(weight: "Variable") -> "Tensor":
        initializer = keras.initializers.LecunNormal() if len(weight.shape) > 1 else keras.initializers.Zeros()
        return initializer(weight.shape)

    model = build_model(replace(config, trainable=True))
    model.layers[0].set_weights([fresh(weight) for weight in model.layers[0].weights])
    scratch = trainer_of(model, config)
    images, labels = data["train"]
    scratch.fit(images, labels, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
    return {"test": {"from_scratch": scratch.evaluate(*data["test"], batch_size=config.batch_size)["accuracy"]}}


if __name__ == "__main__":
    from tensorsmith.recipes import run_script

    run_script(__file__)
