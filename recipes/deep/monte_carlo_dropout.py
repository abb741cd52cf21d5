"""Fashion-MNIST with dropout at prediction time: are the averaged probabilities better, and what do they cost?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes, standardized for each pixel
Command: tensorsmith run deep/monte_carlo_dropout
Figure: uncertainty.png

The probabilities of Monte Carlo dropout are means over 100 passes with random dropout. The temperature minimizes the
log loss on the validation set (Guo et al., 2017). `mc_slowdown` is the time of these passes divided by that of one.
`uncertainty.png` shows the calibration of all three, and the test images with the most and the least variable
predictions.
"""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import OpenUnitInterval, PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

import tensorsmith.tuning as tune
from tensorsmith.core import replace_file
from tensorsmith.data import load_splits
from tensorsmith.layers import to_monte_carlo
from tensorsmith.metrics import ExpectedCalibrationError
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    dropout: OpenUnitInterval = tune.uniform(0.05, 0.5, default=0.2)  # dropout rate before each dense layer
    passes: PositiveInt = 100  # random predictions for each image
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ELU layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.01)  # learning rate of SGD with momentum 0.9
    epochs: PositiveInt = 20
    train_size: PositiveInt = 55_000  # number of training examples


SCORE = "test mc_log_loss"
ANSWER = """Slightly: the log loss is {run[test plain_log_loss]} for the plain network, {run[test mc_log_loss]} with
Monte Carlo dropout and {run[test temperature_log_loss]} with temperature scaling, the calibration error
{run[test plain_calibration_error]}, {run[test mc_calibration_error]} and {run[test temperature_calibration_error]}.
Temperature scaling is better, and takes no longer than one pass."""
SMOKE = {"epochs": 1, "train_size": 640, "passes": 3}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28), standardized with the statistics of each pixel, and labels from 0 to 9."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0) + 1e-3
    return {split: ((images - mean) / deviation, labels) for split, (images, labels) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with dropout before each dense layer."""
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    for units in config.units:
        model.add(layers.Dropout(config.dropout))
        model.add(layers.Dense(units, "elu", kernel_initializer="he_normal"))
    model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum and a cosine schedule."""
    optimizer = SGD(CosineDecay(config.learning_rate, "100%"), momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns accuracy, log loss and calibration error of three kinds of probabilities, and plots the uncertainty."""
    (validation_images, validation_labels), (images, labels) = data["validation"], data["test"]
    plain = tf.function(trainer.model)
    random = tf.function(to_monte_carlo(trainer.model))
    plain(images), random(images)  # traced before the times are measured
    passes, seconds = timed(plain, images, 10)
    random_passes, random_seconds = timed(random, images, config.passes)
    samples = np.stack(random_passes)
    probabilities = {"plain": passes[0], "mc": samples.mean(axis=0)}
    temperature = best_temperature(plain(validation_images).numpy(), validation_labels)
    probabilities["temperature"] = scaled(probabilities["plain"], temperature)
    scores = {"temperature": temperature, "mc_slowdown": config.passes * random_seconds / seconds}
    for name, values in probabilities.items():
        scores.update({f"{name}_{measure}": score for measure, score in quality(values, labels).items()})
    plot(run.folder / "uncertainty.png", probabilities, samples, images, labels)
    return {"test": scores}


def timed(model: Any, images: np.ndarray, passes: int) -> tuple[list[np.ndarray], float]:
    """Returns the probabilities of several passes, and the median duration of a pass in seconds."""
    results, seconds = [], []
    for _ in range(passes):
        start = time.perf_counter()
        results.append(model(images).numpy())
        seconds.append(time.perf_counter() - start)
    return results, statistics.median(seconds)


def quality(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the accuracy, the log loss and the expected calibration error of predicted probabilities."""
    calibration = ExpectedCalibrationError(num_bins=15)
    calibration.update_state(labels, probabilities)
    likelihoods = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == labels)),
        "log_loss": float(-np.mean(np.log(np.maximum(likelihoods, 1e-12)))),
        "calibration_error": float(calibration.result()),
    }


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns the probabilities that result if the logits are divided by a temperature."""
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    result: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return result


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature that minimizes the log loss."""

    def log_loss(temperature: float) -> float:
        return quality(scaled(probabilities, temperature), labels)["log_loss"]

    return float(minimize_scalar(log_loss, bounds=(0.2, 5.0), method="bounded").x)


def plot(
    path: Path,
    probabilities: dict[str, np.ndarray],
    samples: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Plots calibration curves, and the predicted probabilities of the test images with extreme deviations."""
    figure = Figure(figsize=(13, 3.2), layout="constrained")
    panels = figure.subplots(1, 5, width_ratios=(3, 1, 2, 1, 2))
    for name, values in probabilities.items():
        confidence, correct = values.max(axis=1), values.argmax(axis=1) == labels
        bins = np.minimum((confidence * 10).astype(int), 9)
        used = [each for each in range(10) if np.sum(bins == each) >= 20]
        points = [(confidence[bins == each].mean(), correct[bins == each].mean()) for each in used]
        panels[0].plot(*np.transpose(points) if points else ((), ()), "o-", label=name)
    panels[0].plot((0, 1), (0, 1), color="gray", linestyle=":")
    panels[0].set(xlabel="confidence", ylabel="accuracy", title="calibration")
    panels[0].legend()
    spread = samples.std(axis=0).max(axis=1)
    for position, (title, index) in enumerate((("least certain", spread.argmax()), ("most certain", spread.argmin()))):
        panels[1 + 2 * position].imshow(images[index], cmap="gray")
        panels[1 + 2 * position].set(title=title, xticks=[], yticks=[])
        panels[2 + 2 * position].boxplot(samples[:, index], tick_labels=range(10), whis=(0, 100))
        panels[2 + 2 * position].set(xlabel=f"class (label {labels[index]})", title="probabilities of all passes")
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


if __name__ == "__main__":
    run_script(__file__)
