"""Time series forecasting with LSTM layers, on noisy sums of two sine waves, with a linear baseline.

Data: 10,000 generated series of 50 steps, 7,000 / 2,000 / 1,000; the irreducible error due to noise is 0.00083
Command: tensorsmith run timeseries/one_step
Figure: forecasts.png

The network is trained to forecast the next value at each step, which converges faster than training on the last step
alone; the score is the error of the last step.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import time_series
from tensorsmith.layers import LSTM
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = tune.choice([(32, 32), (64,), (32,)])  # units of each LSTM layer
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 2e-2, default=5e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 60
    batch_size: PositiveInt = 64  # series per step
    steps: PositiveInt = 50  # length of the input series


SCORE = "validation last_step_error"
SMOKE = {"epochs": 1, "units": (4,)}
TRAIN, VALIDATION, TEST = slice(0, 7000), slice(7000, 9000), slice(9000, 10_000)


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, steps, 1) and the next value at each step as targets."""
    series = time_series(10_000, config.steps + 1, seed=42)
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return {name: (series[rows, :-1], series[rows, 1:]) for name, rows in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds LSTM layers, followed by a dense layer with one unit at each step."""
    layers = [LSTM(units, return_sequences=True) for units in config.units]
    return keras.Sequential([keras.Input((config.steps, 1)), *layers, keras.layers.Dense(1)])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error over all steps, and a metric for the error in the last step."""

    @keras.saving.register_keras_serializable(package="recipes")
    def last_step_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.square(y_true[:, -1] - y_pred[:, -1])

    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "mean_squared_error", [last_step_error], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws forecasts, and returns the errors of linear regression on the same inputs and of the last value."""

    def design(x: np.ndarray) -> np.ndarray:
        return np.c_[x[..., 0].astype("float64"), np.ones(len(x))]

    x, y = data["train"]
    weights = np.linalg.lstsq(design(x), y[:, -1, 0], rcond=None)[0]
    errors = {}
    for split in ("validation", "test"):
        x, y = data[split]
        last = y[:, -1, 0]
        errors[split] = {
            "least_squares_error": float(np.mean((design(x) @ weights - last) ** 2)),
            "repeat_last_error": float(np.mean((x[:, -1, 0] - last) ** 2)),
        }
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axis, past, true, found in zip(figure.subplots(2, 2).flat, x[:4], y[:4], trainer.predict(x[:4]), strict=True):
        axis.plot(past, "k-", label="past")
        axis.plot(len(past), true[-1], "kx", label="true")
        axis.plot(range(1, len(past) + 1), found, label="forecast of the next value at each step")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    run.save_figure(figure, "forecasts.png")
    return errors


if __name__ == "__main__":
    run_script(__file__)
