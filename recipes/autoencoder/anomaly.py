"""Does an autoencoder detect images of a class that it was not trained on?

Data: Fashion-MNIST, 5,400 training images for each of 20 autoencoders, and 10,000 test images (Zalando, MIT)
Command: tensorsmith run autoencoder/anomaly
Figure: anomalies.png

An autoencoder restores images badly that differ from its training images, so that its error detects anomalies. Twenty
autoencoders are trained side by side: ten on one class each, for which all other classes are anomalies, and ten on all
classes but one, which is the anomaly. `one_class_auc` is the mean area under the ROC curve of the former, and
`left_out_auc` that of the latter. The squared error of each pixel is divided by its mean on training images, as in the
Mahalanobis distance with a diagonal matrix. The names with `squared` are for the plain squared error, and those with
`pca` for the squared error of 30 principal components. The figure shows the images with the smallest errors, which look
most normal, and with the largest ones, for each autoencoder of one class.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load_splits
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 256  # units of the hidden layers of the encoder and of the decoder (ReLU)
    noise: NonNegativeFloat = 0.1  # standard deviation of noise in the inputs in training
    codings: PositiveInt = tune.integer(8, 64, default=32)  # dimension of the code
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 25
    batch_size: PositiveInt = 100
    train_size: PositiveInt = 5_400  # number of training images of each autoencoder
    test_size: PositiveInt = 10_000  # number of test images


SCORE = "test one_class_auc"
SMOKE = {"epochs": 1, "train_size": 300, "test_size": 1000}
ANSWER = """Trained on one class, the mean AUC is {run[test one_class_auc]}, and {run[test left_out_auc]} with one class
left out. With the plain squared error, it is {run[test squared_one_class_auc]} and {run[test squared_left_out_auc]},
and with 30 principal components {run[test pca_one_class_auc]} and {run[test pca_left_out_auc]}."""
CLASSES = 10
AUTOENCODERS = 2 * CLASSES
PIXELS = 28 * 28


@keras.saving.register_keras_serializable(package="recipes")
class HeNormal(keras.initializers.Initializer):
    """Normal distribution with variance 2 / inputs, for kernels of shape (autoencoders, inputs, units)."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        return keras.random.normal(shape, stddev=(2 / shape[1]) ** 0.5, dtype=dtype)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, autoencoders, pixels), which are both inputs and targets."""
    random = np.random.default_rng(config.seed)
    images, labels = load_splits("fashion_mnist")["train"]
    images = images.reshape(len(images), PIXELS)
    masks = [labels == number for number in range(CLASSES)] + [labels != number for number in range(CLASSES)]
    chosen = [random.permutation(np.flatnonzero(mask))[: config.train_size] for mask in masks]
    train = images[np.stack(chosen, axis=1)]
    return {"train": (train, train)}


def build_model(config: Config) -> keras.Model:
    """Builds twenty autoencoders with separate weights, which do not depend on each other."""

    def dense(x: Any, units: int, activation: str | None = None) -> Any:
        shape, options = (AUTOENCODERS, units), {"bias_axes": "au", "kernel_initializer": HeNormal()}
        return layers.EinsumDense("bap,apu->bau", shape, activation, **options)(x)

    inputs = keras.Input((AUTOENCODERS, PIXELS))
    code = dense(dense(layers.GaussianNoise(config.noise)(inputs), config.units, "relu"), config.codings)
    outputs = dense(dense(code, config.units, "relu"), PIXELS, "sigmoid")
    return keras.Model(inputs, outputs)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the squared error."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "mean_squared_error", jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the mean areas under the ROC curves, and plots images with small and large errors."""
    train = data["train"][0]
    images, labels = (part[: config.test_size] for part in load_splits("fashion_mnist")["test"])
    pixels = images.reshape(len(images), 1, PIXELS)

    def squared(part: np.ndarray) -> np.ndarray:
        part = np.broadcast_to(part, (len(part), AUTOENCODERS, PIXELS))
        return np.square(trainer.model.predict_on_batch(part) - part)

    blocks = range(0, len(train), 500)
    usual = np.mean([squared(train[start : start + 500]).mean(axis=0) for start in blocks], axis=0)
    errors = {"": [], "squared_": [], "pca_": []}
    for start in range(0, len(pixels), 500):
        error = squared(pixels[start : start + 500])
        errors["squared_"].append(error.mean(axis=-1))
        errors[""].append((error / (usual + 1e-3)).mean(axis=-1))
    for number in range(AUTOENCODERS):
        pca = PCA(30, random_state=0).fit(train[:, number])
        restored = pca.inverse_transform(pca.transform(pixels[:, 0]))
        errors["pca_"].append(np.square(restored - pixels[:, 0]).mean(axis=-1))
    found = {name: np.stack(parts, -1) if name == "pca_" else np.concatenate(parts) for name, parts in errors.items()}
    scores = {}
    for name, error in found.items():
        anomalies = [(labels != number, error[:, number]) for number in range(CLASSES)]
        left_out = [(labels == number, error[:, CLASSES + number]) for number in range(CLASSES)]
        for kind, pairs in (("one_class", anomalies), ("left_out", left_out)):
            scores[f"{name}{kind}_auc"] = float(np.mean([roc_auc_score(*pair) for pair in pairs]))
    figure = Figure(figsize=(9, 8), layout="constrained")
    for number, row in enumerate(figure.subplots(CLASSES, 11)):
        order = np.argsort(found[""][:, number])
        for panel, image in zip(row, images[[*order[:5], *order[-6:]]], strict=True):
            panel.imshow(image, cmap="gray_r")
            panel.set_axis_off()
        row[5].clear()
        row[5].set_axis_off()
    run.save_figure(figure, "anomalies.png")
    return {"test": scores}


if __name__ == "__main__":
    run_script(__file__)
