"""How many hidden units does a network need for two-dimensional toy data, and how often does training succeed?

Data: 250 training and 250 test points in two classes, with the shapes of TensorFlow Playground
Command: tensorsmith run perceptron/playground
Figure: success_rate.png

`success_rate.png` in the run folder shows the fraction of 100 networks that classify 95 % of the test points, and
`metrics.json` contains these rates. The score is the mean of the rates with 8 units, except for the spirals. All 5,000
networks are trained together, with the settings of the playground (SGD with the rate 0.03, batches of 10 points). The
questions are those of Géron (2019, chapter 10, exercise 1).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import OpenUnitInterval, PositiveFloat, PositiveInt
from keras import layers, ops
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core import replace_file
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    networks: PositiveInt = 100  # number of networks of each size, which differ in their initial weights
    units: tuple[PositiveInt, ...] = (1, 2, 3, 4, 6, 8)  # units of the hidden layer
    deep_units: tuple[PositiveInt, ...] = (8, 8, 8, 8)  # units of the hidden layers of the deep network for the spiral
    threshold: OpenUnitInterval = 0.95  # training succeeds if at least this fraction of the test set is correct
    learning_rate: PositiveFloat = tune.log_uniform(0.003, 0.3, default=0.03)  # learning rate of SGD
    epochs: PositiveInt = 300
    batch_size: PositiveInt = 10  # points per step
    points: PositiveInt = 250  # points of each data set, and as many for testing


SCORE = "test success_rate"
ANSWER = """With 1 or 2 units, no network solves the circle or XOR. With 3 units, the rates are
{run[success circle_tanh_3]} (tanh) and {run[success circle_relu_3]} (ReLU) for the circle, but only
{run[success xor_tanh_3]} and {run[success xor_relu_3]} for XOR. One hidden layer never solves the spirals, and
{run[success deep_spiral_relu_8]} of the ReLU networks with four layers do."""
SMOKE = {"networks": 4, "epochs": 20, "points": 100}
SHAPES = ("circle", "xor", "gauss", "spiral")
ACTIVATIONS = ("tanh", "relu")


def points_of(shape: str, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns points of shape (count, 2) with coordinates up to about 6, and their classes, -1 or 1."""
    labels = np.where(np.arange(count) % 2, 1.0, -1.0)
    angle, radius = generator.uniform(0, 2 * np.pi, count), generator.uniform(0, 1, count)
    if shape == "circle":  # a disk inside of a ring
        distance = np.where(labels > 0, 2.5 * radius, 3.5 + 1.5 * radius)
    elif shape == "spiral":
        distance, angle = 5 * radius, 1.75 * 2 * np.pi * radius + np.where(labels > 0, 0, np.pi)
    elif shape == "gauss":
        return generator.normal(2 * labels[:, None], 1.0, (count, 2)), labels
    else:  # opposite quadrants, apart from each other
        points = generator.uniform(-5, 5, (count, 2))
        points += np.where(points > 0, 0.3, -0.3)
        return points, np.where(points[:, 0] * points[:, 1] >= 0, 1.0, -1.0)
    return distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1), labels


def build_data(config: Config) -> dict[str, Any]:
    """Generates the points of all shapes, and their classes as targets of all networks with each activation."""
    generator = np.random.default_rng(config.seed)
    counts = [config.networks * len(config.units)] * len(SHAPES) + [config.networks]

    def split() -> tuple[dict[str, Any], dict[str, Any]]:
        parts = {shape: points_of(shape, config.points, generator) for shape in SHAPES}
        labels = [parts[shape][1] for shape in (*SHAPES, "spiral")]
        targets = np.repeat(np.stack(labels, axis=1), counts, axis=1).astype(np.float32)
        inputs = {shape: points.astype(np.float32) for shape, (points, _) in parts.items()}
        return inputs, dict.fromkeys(ACTIVATIONS, targets)

    return {"train": split(), "test": split()}


def build_model(config: Config) -> keras.Model:
    """Builds a model that contains all networks: each weight has an axis for the networks.

    Networks of different sizes have the same number of units, of which some are multiplied by zero.
    """

    def dense(
        x: Any, equation: str, shape: tuple[int, ...], axes: str, activation: str, name: str | None = None
    ) -> Any:
        layer = layers.EinsumDense(
            equation,
            shape,
            activation,
            axes,
            kernel_initializer=keras.initializers.RandomUniform(-0.5, 0.5),
            bias_initializer=keras.initializers.Constant(0.1),
            name=name,
        )
        return layer(x)

    inputs = {shape: keras.Input((2,), name=shape) for shape in SHAPES}
    most, networks = max(config.units), config.networks * len(config.units)
    mask = np.arange(most) < np.repeat(config.units, config.networks)[:, None]
    outputs = {}
    for activation in ACTIVATIONS:
        results = []
        for shape in SHAPES:
            hidden = dense(
                inputs[shape], "bi,inu->bnu", (networks, most), "nu", activation, f"{shape}_{activation}_hidden"
            )
            hidden = layers.Rescaling(mask.astype(float).tolist())(hidden)
            results.append(dense(hidden, "bnu,nu->bn", (networks,), "n", "tanh", f"{shape}_{activation}_output"))
        hidden = layers.RepeatVector(config.networks)(inputs["spiral"])
        for units in config.deep_units:
            hidden = dense(hidden, "bni,niu->bnu", (config.networks, units), "nu", activation)
        results.append(dense(hidden, "bnu,nu->bn", (config.networks,), "n", "tanh"))
        outputs[activation] = layers.Concatenate(name=activation)(results)
    return keras.Model(inputs, outputs)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer whose loss is the sum of the losses of all networks, so that these are independent."""

    def squared_error(targets: Any, predictions: Any) -> Any:
        return ops.sum(ops.square(targets - predictions), axis=-1) / 2

    loss = dict.fromkeys(ACTIVATIONS, squared_error)
    return Trainer(build_model(config), optimizer=SGD(config.learning_rate), loss=loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of the networks that classify the test set, and plots them."""
    points, targets = data["test"]
    rates: dict[str, np.ndarray] = {}
    for activation, predictions in trainer.predict(points).items():
        accuracy = np.mean(np.sign(predictions) == targets[activation], axis=0)
        success = np.mean(accuracy.reshape(-1, config.networks) >= config.threshold, axis=1)
        *shallow, deep = np.split(success, np.arange(1, len(SHAPES) + 1) * len(config.units))
        rates |= {f"{shape}_{activation}": rate for shape, rate in zip(SHAPES, shallow, strict=True)}
        rates[f"deep_spiral_{activation}"] = deep
    plot_rates(config, rates, run.folder / "success_rate.png")
    scores = {
        f"{name}_{units}": float(rate)
        for name, each in rates.items()
        for units, rate in zip(config.deep_units[-1:] if "deep" in name else config.units, each, strict=True)
    }
    solvable = [rates[f"{shape}_{activation}"][-1] for shape in SHAPES[:3] for activation in ACTIVATIONS]
    return {"test": {"success_rate": float(np.mean(solvable))}, "success": scores}


def plot_rates(config: Config, rates: dict[str, np.ndarray], path: Path) -> None:
    """Plots the success rates against the number of hidden units, with one subplot for each shape."""
    figure = Figure(figsize=(3.2 * len(SHAPES), 3), layout="constrained")
    for axes, shape in zip(figure.subplots(1, len(SHAPES), sharey=True), SHAPES, strict=True):
        for activation, color in zip(ACTIVATIONS, ("C0", "C1"), strict=True):
            axes.plot(config.units, rates[f"{shape}_{activation}"], "o-", color=color, label=activation)
            if shape == "spiral":
                label = f"{activation}, {len(config.deep_units)} layers"
                deep = rates[f"deep_spiral_{activation}"]
                axes.plot(config.deep_units[-1:], deep, "s", color=color, label=label)
        axes.set(title=shape, xlabel="hidden units", ylabel="success rate", ylim=(-0.05, 1.05))
        axes.legend()
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


if __name__ == "__main__":
    run_script(__file__)
