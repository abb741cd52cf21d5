"""Which networks forecast ten steps of noisy sums of two sine waves best, and does a loss at each step help?

Data: 10,000 generated series of 50 steps and the next 10, 7,000 / 2,000 / 1,000
Command: tensorsmith run timeseries/ten_steps

Comparison: tensorsmith compare timeseries/ten_steps --parallel 2

The networks are those of Géron (2019), chapter 15, with equal optimizer settings. `iterated` forecasts one step and
appends it to its input, ten times; `last` forecasts ten steps after the last input, and the others after each input.
The error is the mean squared error of the ten steps after the last input. Baselines: repetition of the last value, and
linear regression.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import time_series
from tensorsmith.data.preprocessing import iterated_forecast, seasonal_naive
from tensorsmith.layers import GRU, LSTM, BatchNormalization, LayerNormSimpleRNN, SimpleRNN
from tensorsmith.models import wavenet
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer

Name = Literal["linear", "iterated", "last", "rnn", "batch_norm", "layer_norm", "lstm", "gru", "convolution", "wavenet"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Name = "wavenet"  # network, see above and `build_model`
    units: PositiveInt = 20  # units of each of the two recurrent layers
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32  # series per step


SCORE = "test forecast_error"
ANSWER = """The mean squared errors are {ranking} ({seeds} seeds), and {run[test least_squares_error]} for linear
regression in closed form. For SimpleRNN, the gain of a loss at each step over one at the
last step is {gain[rnn]}."""
SMOKE = {"network": "convolution", "epochs": 1, "units": 4}
VARIANTS = {name: {"network": name} for name in ("last", *(name for name in Name.__args__ if name != "last"))}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
STEPS, AHEAD = 50, 10


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, 50, 1), and the next 10 values after each input or after the last one."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)
    ahead = 1 if config.network == "iterated" else AHEAD
    targets = np.stack([series[:, 1 + k : STEPS + 1 + k, 0] for k in range(ahead)], axis=-1)
    if config.network in ("linear", "last"):
        targets = targets[:, -1:]
    elif config.network == "convolution":
        targets = targets[:, 3::2]  # the steps at which its kernels end
    return {name: (series[rows, :STEPS], targets[rows]) for name, rows in PARTS.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a network that maps shape (n, 50, 1) to forecasts of shape (n, steps, ahead)."""
    layers, units = keras.layers, config.units
    inputs = keras.Input((STEPS, 1))
    match config.network:
        case "wavenet":
            return wavenet("simplified", (STEPS, 1), AHEAD)
        case "linear":
            parts = [layers.Flatten(), layers.Reshape((1, STEPS))]
        case "iterated":
            parts = [SimpleRNN(units, return_sequences=True), SimpleRNN(units, return_sequences=True)]
        case "last":
            parts = [SimpleRNN(units, return_sequences=True), SimpleRNN(units), layers.Reshape((1, units))]
        case "batch_norm":
            parts = [part for _ in range(2) for part in (SimpleRNN(units, return_sequences=True), BatchNormalization())]
        case "convolution":
            parts = [layers.Conv1D(units, 4, 2), *(GRU(units, return_sequences=True) for _ in range(2))]
        case name:
            kinds = {"rnn": SimpleRNN, "layer_norm": LayerNormSimpleRNN, "lstm": LSTM, "gru": GRU}
            parts = [kinds[name](units, return_sequences=True) for _ in range(2)]
    x = inputs
    for part in parts:
        x = part(x)
    return keras.Model(inputs, layers.Dense(1 if config.network == "iterated" else AHEAD)(x))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error, and Adam with a clipped gradient."""

    @keras.saving.register_keras_serializable(package="recipes")
    def last_step_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.mean(keras.ops.square(y_true[:, -1] - y_pred[:, -1]), axis=-1)

    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "mean_squared_error", [last_step_error], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the errors of the forecasts and of the baselines."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)[..., 0]
    design = np.c_[series[:, :STEPS], np.ones(len(series))].astype("float64")
    weights = np.linalg.lstsq(design[PARTS["train"]], series[PARTS["train"], STEPS:], rcond=None)[0]
    errors = {}
    for split in ("validation", "test"):
        past, future = series[PARTS[split], :STEPS], series[PARTS[split], STEPS:]
        forecasts = {
            "forecast": _forecast(config, trainer, past),
            "least_squares": design[PARTS[split]] @ weights,
            "repeat_last": seasonal_naive(past.T, AHEAD).T,
        }
        errors[split] = {f"{name}_error": float(np.mean((each - future) ** 2)) for name, each in forecasts.items()}
    return errors


def _forecast(config: Config, trainer: Trainer, past: np.ndarray) -> np.ndarray:
    """Returns forecasts of shape (n, 10) of series of shape (n, 50)."""
    if config.network == "iterated":
        return iterated_forecast(lambda last: trainer.predict(last.T[..., None])[:, -1].T, past.T, AHEAD).T
    return trainer.predict(past[..., None])[:, -1]


if __name__ == "__main__":
    run_script(__file__)
