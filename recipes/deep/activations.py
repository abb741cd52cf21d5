"""Which activation function trains a deep network best on Fashion-MNIST, and which ones lose gradients or units?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/activations

Comparison: tensorsmith compare deep/activations --parallel 2

`gradient_ratio` is the norm of the gradient of the first kernel divided by that of the last hidden kernel, before
training. `dead_units` is the fraction of hidden units that are 0 for all validation images after training. The
initializers are He, but Glorot for sigmoid and tanh, and LeCun for selu. The seeds do not support the ranking SELU,
ELU, leaky ReLU, ReLU, tanh of Géron (2019, chapter 11).
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu"] = "relu"  # hidden activation
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.01)  # learning rate of SGD with momentum 0.9
    hidden_layers: PositiveInt = tune.integer(2, 20, default=10)  # number of hidden layers
    units: PositiveInt = 100  # units of each hidden layer
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """ELU has the highest accuracy ({ranking}; {seeds} seeds), with a gain of {gain[elu]} over relu. Sigmoid
loses gradients: the ratio of the first to the last gradient is {column[sigmoid/train gradient_ratio]}, compared with
{column[relu/train gradient_ratio]} for relu. The fraction of dead units of relu is
{column[relu/validation dead_units]}."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"activation": name} for name in ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "selu", "gelu")}
GRID = {"learning_rate": (0.003, 0.01, 0.03)}
COLUMNS = ("train gradient_ratio", "validation dead_units")
INITIALIZERS = {"sigmoid": "glorot_normal", "tanh": "glorot_normal", "selu": "lecun_normal"}  # of others: He


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds hidden layers of equal width, with the initializer that suits the activation."""
    initializer = INITIALIZERS.get(config.activation, "he_normal")
    dense = [keras.layers.Dense(config.units, kernel_initializer=initializer) for _ in range(config.hidden_layers)]
    hidden = [layer for each in dense for layer in (each, keras.layers.Activation(config.activation))]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer with momentum."""
    optimizer = SGD(config.learning_rate, momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the ratio of gradient norms before training, and the fraction of dead units after it."""
    norms = gradient_norms(build_model(config), *(part[:1000] for part in data["train"]))
    images, _ = data["validation"]
    outputs = [layer.output for layer in trainer.model.layers if isinstance(layer, keras.layers.Activation)]
    hidden = keras.Model(trainer.model.inputs, outputs).predict(images, batch_size=1000, verbose=0)
    dead = [np.all(values == 0, axis=0).mean() for values in (hidden if isinstance(hidden, list) else [hidden])]
    return {
        "train": {"gradient_ratio": norms[0] / norms[-2]},
        "validation": {"dead_units": float(np.mean(dead))},
    }


def gradient_norms(model: keras.Model, images: Any, labels: Any) -> list[float]:
    """Returns the Euclidean norm of the gradient of the loss with respect to each kernel, from the first layer on."""
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(labels, model(images))
        loss = tf.reduce_mean(losses)
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, [kernel.value for kernel in kernels])]


if __name__ == "__main__":
    run_script(__file__)
