"""Do bands of quantile regression or of Monte Carlo dropout contain 80 % of the true values, and how wide are they?

Data: 10,000 generated series of 50 steps and the next 10, 7,000 / 2,000 / 1,000
Command: tensorsmith run timeseries/error_bars

Comparison: tensorsmith compare timeseries/error_bars --parallel 2

`quantiles` learns the quantiles 0.1, 0.5 and 0.9 with the pinball loss (Koenker and Bassett, 1978). `monte_carlo` takes
the variance of predictions with dropout (Gal and Ghahramani, 2016), and adds the variance of the errors on validation
data; `dropout_only` does not add it. Baselines: the forecast with a constant band, from the errors on validation data
at all ten steps, and linear regression with a band for each step, from its errors. The interval score (Gneiting and
Raftery, 2007), here `interval_loss`, is the width of the band plus ten times the distance of values outside.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import time_series
from tensorsmith.layers import GRU, MCDropout
from tensorsmith.losses import pinball_loss
from tensorsmith.metrics import IntervalCoverage
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    method: Literal["quantiles", "monte_carlo", "dropout_only"] = "quantiles"  # method for the band, see above
    units: PositiveInt = 32  # units of each of the two GRU layers
    dropout: ClosedUnitInterval = 0.1  # dropout rate after each GRU layer, except for quantiles
    samples: PositiveInt = 50  # predictions with dropout
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32  # series per step


SCORE = "test interval_loss"
ANSWER = """The interval scores are {ranking} ({seeds} seeds; lower is better). The 80 % bands of quantile regression
contain {column[quantiles/test coverage]} of the values and are {column[quantiles/test width]} wide, those of Monte
Carlo dropout {column[monte_carlo/test coverage]} and {column[monte_carlo/test width]}, and without the variance of the
errors {column[dropout_only/test coverage]} and {column[dropout_only/test width]}. Constant bands around the forecast of
quantile regression contain {run[test constant_coverage]} and are {run[test constant_width]} wide, and bands of linear
regression contain {run[test least_squares_coverage]} and are {run[test least_squares_width]} wide."""
COLUMNS = ("test coverage", "test width")
SMOKE = {"epochs": 1, "units": 4, "samples": 2}
VARIANTS = {name: {"method": name} for name in ("quantiles", "monte_carlo", "dropout_only")}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
STEPS, AHEAD, QUANTILES, NORMAL = 50, 10, np.array([0.1, 0.5, 0.9], "float32"), 1.2816  # its quantile 0.9


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, 50, 1), and the next 10 values after each input."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)
    targets = np.stack([series[:, 1 + k : STEPS + 1 + k, 0] for k in range(AHEAD)], axis=-1)
    return {name: (series[rows, :STEPS], targets[rows]) for name, rows in PARTS.items()}


def build_model(config: Config) -> keras.Model:
    """Builds two GRU layers, and a dense layer with ten forecasts or, for quantiles, thirty."""
    model = keras.Sequential([keras.Input((STEPS, 1))])
    for _ in range(2):
        model.add(GRU(config.units, return_sequences=True))
        if config.method != "quantiles":
            model.add(MCDropout(config.dropout))
    model.add(keras.layers.Dense(AHEAD * (len(QUANTILES) if config.method == "quantiles" else 1)))
    return model


@keras.saving.register_keras_serializable(package="recipes")
def pinball(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Returns the pinball loss of the quantiles, which follow each other on the last axis."""
    y_true = keras.ops.concatenate([y_true] * len(QUANTILES), axis=-1)
    return pinball_loss(y_true, y_pred, tau=np.repeat(QUANTILES, AHEAD))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with the pinball loss or mean squared error, and Adam with a clipped gradient."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    loss = pinball if config.method == "quantiles" else "mean_squared_error"
    return Trainer(build_model(config), optimizer, loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws bands, and returns the fraction of the true values in each band and its mean width."""
    known, true = data["validation"][1][:, -1], data["test"][1][:, -1]
    (found, _, _), (center, lower, upper) = (
        _forecasts(config, trainer, data[name][0]) for name in ("validation", "test")
    )
    if config.method == "monte_carlo":
        half = np.sqrt(((upper - lower) / 2) ** 2 + NORMAL**2 * np.mean((known - found) ** 2, axis=0))
        lower, upper = center - half, center + half
    constant = np.quantile(np.abs(known - found), 0.8)
    design = {name: np.c_[x[..., 0], np.ones(len(x))].astype("float64") for name, (x, _) in data.items()}
    weights = np.linalg.lstsq(design["train"], data["train"][1][:, -1], rcond=None)[0]
    linear, widths = design["test"] @ weights, np.quantile(np.abs(known - design["validation"] @ weights), 0.8, axis=0)
    bands = {"": (lower, upper), "constant_": (center - constant, center + constant)}
    bands["least_squares_"] = linear - widths, linear + widths
    scores = {}
    for name, band in bands.items():
        coverage = IntervalCoverage()
        coverage.update_state(true, np.stack(band, axis=-1))
        scores[f"{name}coverage"] = float(coverage.result())
        scores[f"{name}width"] = float(np.mean(band[1] - band[0]))
    outside = np.maximum(lower - true, 0) + np.maximum(true - upper, 0)
    scores["interval_loss"] = float(np.mean(upper - lower + 10 * outside))
    _draw(run, data["test"][0][..., 0], true, center, lower, upper)
    return {"test": scores}


def _forecasts(config: Config, trainer: Trainer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the forecasts after the last step and the ends of their bands, each of shape (n, 10)."""
    if config.method == "quantiles":
        lower, center, upper = trainer.predict(x)[:, -1].reshape(-1, len(QUANTILES), AHEAD).swapaxes(0, 1)
        return center, lower, upper
    samples = np.stack([trainer.predict(x)[:, -1] for _ in range(config.samples)])
    center, half = samples.mean(axis=0), NORMAL * samples.std(axis=0)
    return center, center - half, center + half


def _draw(run: RecipeRun, past: np.ndarray, true: np.ndarray, *forecasts: np.ndarray) -> None:
    """Draws the past, the true values, the forecast and the band of four series."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    ahead = range(STEPS, STEPS + AHEAD)
    for axis, number in zip(figure.subplots(2, 2).flat, range(4), strict=True):
        center, lower, upper = (values[number] for values in forecasts)
        axis.plot(past[number], "k-", label="past")
        axis.plot(ahead, true[number], "kx", label="true")
        axis.plot(ahead, center, label="forecast")
        axis.fill_between(ahead, lower, upper, alpha=0.3, label="80 % band")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    run.save_figure(figure, "bands.png")


if __name__ == "__main__":
    run_script(__file__)
