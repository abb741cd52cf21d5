"""How accurately do recurrent networks fill gaps of noisy series, from one side and from both?

Data: 10,000 generated series of 60 steps, 7,000 / 2,000 / 1,000, with gaps of 10 steps
Command: tensorsmith run timeseries/imputation

Comparison: tensorsmith compare timeseries/imputation --parallel 2

Values 26 to 35 are missing. The networks receive the line through the ends of the gap in their place, and an indicator.
`bidirectional` reads the series in both directions, `forward` only in the direction of time. Baseline: a cubic spline
through all known values.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from scipy.interpolate import CubicSpline

import tensorsmith.tuning as tune
from tensorsmith.data import time_series
from tensorsmith.layers import GRU
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Literal["bidirectional", "forward"] = "bidirectional"  # direction in which the GRU layers read
    units: PositiveInt = 32  # units of each of the two GRU layers, for each direction
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # initial rate of AdamW, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64


SCORE = "test mse"
ANSWER = """The mean squared errors of missing values are {ranking} ({seeds} seeds), {run[test line_mse]} for a line and
{run[test spline_mse]} for a cubic spline."""
SMOKE = {"epochs": 1, "units": 4}
VARIANTS = {name: {"network": name} for name in ("bidirectional", "forward")}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
LENGTH, GAP = 60, slice(25, 35)
KNOWN = np.r_[: GAP.start, GAP.stop : LENGTH]


def build_data(config: Config) -> dict[str, Any]:
    """Generates series of shape (n, 60, 2), with the line and the indicator in the gap, and the missing values."""
    series = time_series(10_000, LENGTH, seed=42)
    filled, missing = series.copy(), np.zeros_like(series)
    before, after = series[:, GAP.start - 1, None], series[:, GAP.stop, None]
    filled[:, GAP] = before + (after - before) * np.linspace(0, 1, 12)[1:-1, None]
    missing[:, GAP] = 1
    inputs = np.concatenate([filled, missing], axis=-1)
    return {split: (inputs[rows], series[rows, GAP, 0]) for split, rows in PARTS.items()}


def build_model(config: Config) -> keras.Model:
    """Builds two GRU layers, and a dense layer whose outputs at the missing values are returned."""
    inputs = x = keras.Input((LENGTH, 2))
    for _ in range(2):
        layer = GRU(config.units, return_sequences=True)
        x = (keras.layers.Bidirectional(layer) if config.network == "bidirectional" else layer)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x)[:, GAP, 0])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error and AdamW."""
    optimizer = AdamW(CosineDecay(config.learning_rate, "100%"), weight_decay=1e-2)
    return Trainer(build_model(config), optimizer, "mean_squared_error", ["mse"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the errors of the two interpolations."""
    errors = {}
    for split in ("validation", "test"):
        inputs, true = data[split]
        found = {"line_mse": inputs[:, GAP, 0]}
        found["spline_mse"] = CubicSpline(KNOWN, inputs[:, KNOWN, 0], axis=1)(np.arange(LENGTH)[GAP])
        errors[split] = {name: float(np.mean((values - true) ** 2)) for name, values in found.items()}
    return errors


if __name__ == "__main__":
    run_script(__file__)
