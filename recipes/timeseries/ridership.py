"""Forecasts of the daily ridership of a train station for the next 14 days, with a GRU layer and a calendar.

Data: Clark/Lake station in Chicago, 2001 to 2016, with federal holidays (MIT)
Command: tensorsmith run timeseries/ridership
Figure: forecasts.png

The test set has each forecast of 14 days in the 12 months after an origin: 30 August of 2013, 2014 and 2015 for seeds
0, 1 and 2. Baselines: repetition of the last week, and ridge regression on the same inputs.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.layers import GRU
from tensorsmith.metrics import SymmetricMeanAbsolutePercentageError
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 48  # units of the GRU layer, and half of those of the dense layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # initial rate of AdamW, decays to 0
    epochs: PositiveInt = 30
    batch_size: PositiveInt = 64


SCORE = "test mae"
SMOKE = {"epochs": 1, "units": 4, "batch_size": 128}
PAST, AHEAD, YEAR, FEATURES = 56, 14, 365, 19


def calendar(dates: np.ndarray, holidays: np.ndarray) -> np.ndarray:
    """Returns what is known of days in advance: the weekday, holidays and days around them, and the season."""
    days, first = dates.astype("datetime64[D]"), dates.astype("datetime64[D]").astype("datetime64[M]")
    month, day = first.astype(int) % 12 + 1, (days - first).astype(int) + 1
    special = [np.roll(holidays, shift) for shift in (-1, 0, 1)] + [(month == 12) & (day > 26)]
    special += [(month == m) & (day == d) for m, d in ((12, 24), (12, 26), (12, 31), (1, 1), (7, 4))]
    angle = 2 * np.pi * (month + day / 31) / 12
    return np.c_[np.eye(7)[dates % 7], np.array(special).T, np.sin(angle), np.cos(angle)].astype("float32")


def build_data(config: Config) -> dict[str, Any]:
    """Returns windows of 56 days with their calendar, and the calendar and the ridership of the next 14 days."""
    parts = [load("chicago_ridership", split).features for split in ("train", "validation", "test")]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in ("date", "holiday", "ridership")}
    days = np.c_[columns["ridership"] / 10, calendar(columns["date"], columns["holiday"])]
    windows = np.lib.stride_tricks.sliding_window_view(days, PAST + AHEAD, axis=0).swapaxes(1, 2)
    past, future = windows[:, :PAST], windows[:, PAST:]
    last_week = np.concatenate([past[:, -7:, :1]] * 2, axis=1)
    inputs = {"past": past, "future": np.concatenate([last_week, future[..., 1:]], axis=-1)}
    origin = 4603 - PAST + YEAR * (config.seed % 3)  # first window whose forecast starts at the origin
    rows = {"train": slice(origin - YEAR - AHEAD + 1), "validation": slice(origin - YEAR, origin - AHEAD + 1)}
    rows["test"] = slice(origin, origin + YEAR - AHEAD + 1)
    return {split: ({name: x[part] for name, x in inputs.items()}, future[part, :, 0]) for split, part in rows.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a GRU layer for the past, whose state corrects the last week together with the calendar of each day."""
    past, future = keras.Input((PAST, FEATURES), name="past"), keras.Input((AHEAD, FEATURES), name="future")
    state = keras.layers.RepeatVector(AHEAD)(GRU(config.units)(past))
    hidden = keras.layers.Dense(2 * config.units, "relu")(keras.layers.Concatenate()([state, future]))
    change = keras.layers.Reshape((AHEAD,))(keras.layers.Dense(1)(hidden))
    return keras.Model({"past": past, "future": future}, keras.layers.Add()([change, future[..., 0]]))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean absolute error, the error in percent as a metric, and AdamW."""
    rate, metrics = CosineDecay(config.learning_rate, "100%"), [SymmetricMeanAbsolutePercentageError(name="smape")]
    return Trainer(build_model(config), AdamW(rate), "mae", metrics, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the mean absolute errors in thousands of entries, and draws forecasts."""
    flat = {split: np.hstack([each.reshape(len(each), -1) for each in x.values()]) for split, (x, _) in data.items()}
    (inputs, true), last_week = data["test"], data["test"][0]["future"][..., 0]
    found = {"mae": trainer.predict(inputs), "last_week_mae": last_week}
    found["linear_mae"] = Ridge(10.0).fit(flat["train"], data["train"][1]).predict(flat["test"])
    figure = Figure(figsize=(8, 6), layout="constrained")
    for axis, start in zip(figure.subplots(3), (30, 85, 105), strict=True):
        axis.plot(range(-27, 15), 10 * np.r_[inputs["past"][start, -28:, 0], true[start]], "k", label="true")
        axis.plot(range(1, 15), 10 * np.c_[found["mae"][start], last_week[start]], label=["forecast", "last week"])
        axis.set(xlabel="day of the forecast", ylabel="thousands of entries")
    axis.legend()
    run.save_figure(figure, "forecasts.png")
    return {"test": {name: 10 * float(np.abs(each - true).mean()) for name, each in found.items()}}


if __name__ == "__main__":
    run_script(__file__)
