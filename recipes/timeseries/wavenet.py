"""How many dilated convolutions does WaveNet need to forecast ten steps, and do gates and skip connections help?

Data: 10,000 generated series of 50 steps and the next 10, 7,000 / 2,000 / 1,000
Command: tensorsmith run timeseries/wavenet

Comparison: tensorsmith compare timeseries/wavenet --parallel 2

A stack has convolutions with dilations of 1, 2, 4 and 8, so that one, two and three stacks see 16, 31 and 46 steps.
`gated` is one stack of ten convolutions with gated activations, residual and skip connections, as in the paper (van den
Oord et al., 2016), which sees more than the 50 steps. `forecasts.png` in the run folder shows four series.
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
from tensorsmith.models import wavenet
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    size: Literal["simplified", "original"] = "simplified"  # network, see above
    blocks: PositiveInt = 2  # number of stacks
    filters: PositiveInt = 20  # filters of each convolution
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 32  # series per step


SCORE = "test last_step_error"
ANSWER = """The mean squared errors are {ranking} ({seeds} seeds)."""
SMOKE = {"epochs": 1, "blocks": 1, "filters": 4, "batch_size": 128}
VARIANTS = {
    **{name: {"blocks": blocks} for name, blocks in (("two", 2), ("one", 1), ("three", 3))},
    "gated": {"size": "original", "blocks": 1},
}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
STEPS, AHEAD = 50, 10


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, 50, 1), and the next 10 values after each input."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)
    targets = np.stack([series[:, 1 + k : STEPS + 1 + k, 0] for k in range(AHEAD)], axis=-1)
    return {name: (series[rows, :STEPS], targets[rows]) for name, rows in PARTS.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a WaveNet with ten forecasts at each step."""
    return wavenet(config.size, (STEPS, 1), AHEAD, config.filters, config.blocks)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error, and Adam with a clipped gradient."""

    @keras.saving.register_keras_serializable(package="recipes")
    def last_step_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.mean(keras.ops.square(y_true[:, -1] - y_pred[:, -1]), axis=-1)

    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "mean_squared_error", [last_step_error], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws the past, the true values and the forecast of four series."""
    past, true = (part[:4] for part in data["test"])
    found, ahead = trainer.predict(past)[:, -1], range(STEPS, STEPS + AHEAD)
    figure = Figure(figsize=(10, 5), layout="constrained")
    for number, axis in enumerate(figure.subplots(2, 2).flat):
        axis.plot(past[number], "k-", label="past")
        axis.plot(ahead, true[number, -1], "kx", label="true")
        axis.plot(ahead, found[number], label="forecast")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    run.save_figure(figure, "forecasts.png")
    return {}


if __name__ == "__main__":
    run_script(__file__)
