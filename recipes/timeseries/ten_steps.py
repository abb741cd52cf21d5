"""Which networks forecast ten steps of noisy sums of two sine waves best, and does a loss at each step help?

Data: 10,000 generated series of 50 steps and the next 10, 7,000 / 2,000 / 1,000
Command: tensorsmith run timeseries/ten_steps

Comparison: tensorsmith compare timeseries/ten_steps --parallel 2

The networks are those of Géron (2019), chapter 15, with equal optimizer settings. Those named `iterated` forecast one
step and append it to their input, ten times: with two recurrent layers and a dense layer, with a third recurrent layer
of one unit instead (`deep`), with only that (`unit`), or with a dense layer for all inputs (`linear`). The others
forecast ten steps at once. `linear`, `iterated_linear` and `last` are trained on forecasts after the last input, all
others on those after each input. The error is the mean squared error of the ten steps after the last input, and
`one_step_error` that of the first one. Baselines: repetition of the last value, and linear regression. `forecasts.png`
in the run folder shows four series.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import time_series
from tensorsmith.data.preprocessing import iterated_forecast, seasonal_naive
from tensorsmith.layers import GRU, LSTM, BatchNormalization, LayerNormSimpleRNN, SimpleRNN
from tensorsmith.models import wavenet
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer

OneStep = Literal["iterated", "iterated_deep", "iterated_unit", "iterated_linear"]
TenSteps = Literal["linear", "last", "rnn", "batch_norm", "layer_norm", "lstm", "gru", "convolution", "wavenet"]
Name = Literal[OneStep, TenSteps]


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Name = "wavenet"  # network, see above and `build_model`
    units: PositiveInt = 20  # units of each of the two recurrent layers
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32  # series per step


SCORE = "test forecast_error"
ANSWER = """The mean squared errors are {ranking} ({seeds} seeds), {run[test least_squares_error]} for linear regression
in closed form and {run[test repeat_last_error]} for repetition of the last value. One step ahead, the errors of the
iterated networks are {column[iterated/test one_step_error]} with a dense layer,
{column[iterated_deep/test one_step_error]} with a third recurrent layer, {column[iterated_unit/test one_step_error]}
with a single unit and {column[iterated_linear/test one_step_error]} without recurrent layers, and
{run[test repeat_last_one_step_error]} for repetition. For SimpleRNN, the gain of a loss at each step over one at the
last step is {gain[rnn]}."""
COLUMNS = ("test one_step_error",)
SMOKE = {"network": "convolution", "epochs": 1, "units": 4}
VARIANTS = {name: {"network": name} for name in ("last", *(name for name in Name.__args__ if name != "last"))}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
STEPS, AHEAD = 50, 10


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, 50, 1), and the next 10 values after each input or after the last one."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)
    ahead = 1 if config.network in OneStep.__args__ else AHEAD
    targets = np.stack([series[:, 1 + k : STEPS + 1 + k, 0] for k in range(ahead)], axis=-1)
    if config.network in ("linear", "iterated_linear", "last"):
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
        case "linear" | "iterated_linear":
            parts = [layers.Flatten(), layers.Reshape((1, STEPS))]
        case "iterated" | "iterated_deep" | "iterated_unit":
            sizes = {"iterated": (units, units), "iterated_deep": (units, units, 1), "iterated_unit": (1,)}
            parts = [SimpleRNN(size, return_sequences=True) for size in sizes[config.network]]
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
    if config.network not in ("iterated_deep", "iterated_unit"):
        x = layers.Dense(1 if config.network in OneStep.__args__ else AHEAD)(x)
    return keras.Model(inputs, x)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error, and Adam with a clipped gradient."""

    @keras.saving.register_keras_serializable(package="recipes")
    def last_step_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.mean(keras.ops.square(y_true[:, -1] - y_pred[:, -1]), axis=-1)

    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "mean_squared_error", [last_step_error], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws forecasts, and returns the errors of the network and of the baselines."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)[..., 0]
    design = np.c_[series[:, :STEPS], np.ones(len(series))].astype("float64")
    weights = np.linalg.lstsq(design[PARTS["train"]], series[PARTS["train"], STEPS:], rcond=None)[0]
    errors = {}
    for split in ("validation", "test"):
        past, future = series[PARTS[split], :STEPS], series[PARTS[split], STEPS:]
        found = _forecast(config, trainer, past)
        least_squares, repeat_last = design[PARTS[split]] @ weights, seasonal_naive(past.T, AHEAD).T
        forecasts = {"forecast": found, "least_squares": least_squares, "repeat_last": repeat_last}
        squares = {name: (each - future) ** 2 for name, each in forecasts.items()}
        errors[split] = {f"{name}_error": float(each.mean()) for name, each in squares.items()}
        errors[split] |= {f"{name}_one_step_error": float(each[:, 0].mean()) for name, each in squares.items()}
        errors[split]["one_step_error"] = errors[split].pop("forecast_one_step_error")
    _draw(run, past, future, found)
    return errors


def _forecast(config: Config, trainer: Trainer, past: np.ndarray) -> np.ndarray:
    """Returns forecasts of shape (n, 10) of series of shape (n, 50)."""
    if config.network in OneStep.__args__:
        return iterated_forecast(lambda last: trainer.predict(last.T[..., None])[:, -1].T, past.T, AHEAD).T
    return trainer.predict(past[..., None])[:, -1]


def _draw(run: RecipeRun, past: np.ndarray, true: np.ndarray, found: np.ndarray) -> None:
    """Draws the past, the true values and the forecast of four series."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    ahead = range(STEPS, STEPS + AHEAD)
    for number, axis in enumerate(figure.subplots(2, 2).flat):
        axis.plot(past[number], "k-", label="past")
        axis.plot(ahead, true[number], "kx", label="true")
        axis.plot(ahead, found[number], label="forecast")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    run.save_figure(figure, "forecasts.png")


if __name__ == "__main__":
    run_script(__file__)
