"""Does the error of forecasts of the sea temperature grow with the time since training, and does a shorter past help?

Data: sea surface temperature off Maine, 13 months in steps of 3 hours; windows of 30 days and the next 7 days
Command: tensorsmith run timeseries/sea_temperature

Comparison: tensorsmith compare timeseries/sea_temperature --parallel 2

A process is stationary if its behavior does not change over time; if errors grow with the time since training, it is
not, and a shorter training period may be better: `recent` uses the last half. `errors.png` in the run folder shows the
errors by time. In the training period, three steps without measurements are interpolated. Baselines: repetition of the
last day, and ridge regression on the same inputs. `mase` is the mean absolute scaled error with seasons of a day.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.data.preprocessing import difference, seasonal_naive
from tensorsmith.layers import GRU
from tensorsmith.metrics import MeanAbsoluteScaledError
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    fraction: PositiveFloat = 1.0  # fraction of the training windows that is used, the last ones
    units: PositiveInt = 32  # filters of the convolution and units of the GRU layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of AdamW, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32


SCORE = "test mae"
ANSWER = """The mean absolute errors in degrees Celsius are {ranking} ({seeds} seeds), and {run[test last_day_mae]} for
repetition of the last day and {run[test linear_mae]} for ridge regression. With all training data, the error is
{column[all/test mase]} times the mean change from one day to the next in the training period, and with recent data
{column[recent/test mase]} times. From the first to the second half of the test period, the error changes from
{run[test first_half_mae]} to {run[test second_half_mae]}."""
COLUMNS = ("test mase",)
SMOKE = {"epochs": 1, "units": 4}
VARIANTS = {"all": {}, "recent": {"fraction": 0.5}}
DAY, PAST, AHEAD = 8, 30 * 8, 7 * 8  # steps of 3 hours
SECONDS = 3 * 3600


def load_steps() -> tuple[np.ndarray, dict[str, slice]]:
    """Loads the means of 3 hours, with steps of gaps interpolated, and the steps of each split."""
    parts = {split: load("sea_surface_temperature", split).features for split in ("train", "validation", "test")}
    time, values = (np.concatenate([part[name] for part in parts.values()]) for name in ("time", "temperature"))
    steps, rows = np.unique(time // SECONDS, return_inverse=True)
    means = np.bincount(rows, values) / np.bincount(rows)
    series = np.interp(np.arange(steps[0], steps[-1] + 1), steps, means).astype("float32")
    # A step with rows of two splits belongs to the first one.
    ends = [int(part["time"][-1] // SECONDS - steps[0] + 1) for part in parts.values()]
    return series, {name: slice(*ends) for name, ends in zip(parts, itertools.pairwise([0, *ends]), strict=True)}


def build_data(config: Config) -> dict[str, Any]:
    """Returns differences from the last value: of the 30 days before it, and of the 7 days after it."""
    series, splits = load_steps()
    data = {}
    for split, steps in splits.items():
        known = series[max(steps.start - PAST, 0) : steps.stop]  # inputs, but no targets, may be of the split before
        windows = np.lib.stride_tricks.sliding_window_view(known, PAST + AHEAD)
        last = windows[:, PAST - 1, None]
        data[split] = (windows[:, :PAST] - last)[..., None], windows[:, PAST:] - last
    first = round(len(data["train"][0]) * (1 - config.fraction))
    data["train"] = tuple(part[first:] for part in data["train"])
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a convolution that shortens the series by a factor of 4, a GRU layer and a dense layer."""
    convolution = keras.layers.Conv1D(config.units, 8, 4, activation="relu")
    return keras.Sequential(
        [keras.Input((PAST, 1)), convolution, GRU(config.units), keras.layers.Dense(AHEAD, kernel_initializer="zeros")]
    )


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean absolute error and AdamW."""
    optimizer = AdamW(CosineDecay(config.learning_rate, "100%"), weight_decay=1e-2)
    return Trainer(build_model(config), optimizer, "mean_absolute_error", jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the errors of the network and of the baselines, and draws them by time."""
    linear = Ridge(10.0).fit(data["train"][0][..., 0], data["train"][1])
    errors: dict[str, list[np.ndarray]] = {"network": [], "linear": [], "last_day": []}
    for split in ("validation", "test"):
        x, y = data[split]
        forecasts = trainer.predict(x), linear.predict(x[..., 0]), seasonal_naive(x[..., 0].T, AHEAD, DAY).T
        for name, forecast in zip(errors, forecasts, strict=True):
            errors[name].append(np.abs(forecast - y).mean(axis=1))
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    for name, parts in errors.items():
        days = np.arange(sum(map(len, parts))) / DAY
        axis.plot(days, np.concatenate(parts), label=name.replace("_", " "))
    axis.axvline(len(errors["network"][0]) / DAY, color="black", linestyle=":")
    axis.set(xlabel="days since training (dotted: start of the test period)", ylabel="mean absolute error (°C)")
    axis.legend()
    run.save_figure(figure, "errors.png")
    network = errors["network"][1]
    series, splits = load_steps()
    scaled = MeanAbsoluteScaledError(np.abs(difference(series[splits["train"]], DAY)).mean())
    scaled.update_state(y, forecasts[0])
    halves = {"first_half_mae": network[: len(network) // 2], "second_half_mae": network[len(network) // 2 :]}
    found = {"mae": network, "linear_mae": errors["linear"][1], "last_day_mae": errors["last_day"][1], **halves}
    return {"test": {**{name: float(each.mean()) for name, each in found.items()}, "mase": float(scaled.result())}}


if __name__ == "__main__":
    run_script(__file__)
