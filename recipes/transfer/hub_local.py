"""A module from one recipe put to use in another: an encoder that never saw a label helps where labels are few.

Data: Fashion-MNIST, 500 labelled images of 28x28 pixels to train on; the encoder saw 55,000 without labels
Command: tensorsmith run transfer/hub_local
Score: test accuracy 0.771
Seconds: 32 on 2 cores
Seed: 0

The encoder of autoencoder/fashion_mnist is exported as a SavedModel, the form in which TensorFlow Hub keeps modules,
and comes back as a layer. Any other is as good that turns such images into vectors: `--module FOLDER` or an address of
Hub's. For the encoder, `from_scratch` is what the same network reaches, all of it trained, without what was learned.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

if TYPE_CHECKING:
    import keras

    from tensorsmith.core.types import Tensor, Variable
    from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config:
    """What can be changed."""

    module: str = ""  # folder or address of a module; if empty, one is trained and exported below runs/modules
    pretraining_epochs: PositiveInt = 10  # of the autoencoder
    trainable: bool = True  # train the module, too, and not only what reads it
    labels: PositiveInt = 500  # images to train on
    learning_rate: PositiveFloat = 3e-4  # of Adam
    epochs: PositiveInt = 60  # passes over them
    batch_size: PositiveInt = 32  # examples per step
    jit: bool | Literal["auto"] = False  # modules are not for XLA
    seed: NonNegativeInt = 0  # of weights and order


SMOKE = {"pretraining_epochs": 1, "epochs": 2}


def build_data(config: Config) -> dict[str, Any]:
    """Images (n, 28, 28) in [0, 1] and labels 0 to 9, few of them for training."""
    from tensorsmith.data import load

    parts = {split: load("fashion_mnist", split=split) for split in ("train", "validation", "test")}
    data = {split: (part.features, part.labels) for split, part in parts.items()}
    images, labels = data["train"]
    return {**data, "train": (images[: config.labels], labels[: config.labels])}


def build_module(config: Config) -> str:
    """The folder or address of the module, which is made if need be."""
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
    """The module, its codes normalized, and a softmax layer."""
    import keras

    from tensorsmith.layers import HubLayer

    module = HubLayer(build_module(config), trainable=config.trainable)
    keras.utils.set_random_seed(config.seed)  # whether or not the module has just been trained
    head = [keras.layers.BatchNormalization(), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), module, *head])


def build_trainer(config: Config) -> "Trainer":
    """Cross-entropy and Adam."""
    return trainer_of(build_model(config), config)


def trainer_of(model: "keras.Model", config: Config) -> "Trainer":
    """The same for any model."""
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
    """The test accuracy of the same network trained from scratch on the same images, if the module is the recipe's."""
    import keras

    if config.module:  # whose weights may begin otherwise
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
