"""Learning-rate range test: a short run with an exponentially increasing learning rate."""

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import SILENT, Progress, Verbatim, check, replace_file
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training.fit.state import restore, snapshot, training_state
from tensorsmith.training.gradients.pipeline import GradientPipeline
from tensorsmith.training.inputs.data import make_source
from tensorsmith.training.inputs.sources import BatchSource
from tensorsmith.training.loop.build import build_late_parts
from tensorsmith.training.loop.loops import Loops

if TYPE_CHECKING:
    from tensorsmith.training.trainer import Trainer

MEMORY = 0.02  # time constant of the running mean of losses, as a fraction of the steps: smooth with little lag
DIVERGED = 4.0  # multiple of the smallest running mean at which the test stops


@dataclass(frozen=True)
class LRSweep:
    """Result of a learning-rate range test.

    Attributes:
        rates: Learning rate of each step.
        losses: Loss of each batch.
        smoothed: Running mean of the losses, over about 1/50 of the test.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def suggestion(self) -> float:
        """Suggested learning rate: a tenth of the rate at which the running mean of the loss is smallest."""
        return float(self.rates[np.argmin(self.smoothed)] / 10)

    def plot(self, path: str | Path) -> None:
        """Saves a plot of the losses and the suggested learning rate to an image file. Requires matplotlib."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="0.8", linewidth=1, label="batches")
        axes.plot(self.rates, self.smoothed, linewidth=2, label="running mean")
        axes.axvline(self.suggestion, linestyle="--", color="tab:red", label=f"suggestion: {self.suggestion:.2g}")
        low, start = self.smoothed.min(), self.smoothed[0]
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.set_ylim(low - 0.1 * abs(start - low), start + 0.5 * abs(start - low))
        axes.legend(frameon=False)
        with replace_file(path) as draft:
            figure.savefig(draft, dpi=120)


@dataclass(frozen=True)
class LRFinder:
    """Learning-rate range test, which increases the learning rate in each step and then restores the training state.

    The learning rate of step i of n is start * (end / start)^(i / n). The test stops early when the running mean of the
    loss exceeds four times its smallest value, or when the loss is not finite. The position in a stream is not
    restored.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015.

    Args:
        start: Learning rate in the first step.
        end: Maximum learning rate.
        steps: Number of training steps.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import LRFinder, Trainer
        >>> keras.utils.set_random_seed(1)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> trainer = Trainer(model, keras.optimizers.SGD(), "mse")
        >>> x = np.random.default_rng(0).normal(size=(256, 3))
        >>> sweep = LRFinder(steps=100)(trainer, x, x.sum(axis=1))
        >>> 0.01 < sweep.suggestion < 1.0  # from about 1 on, descent on this loss diverges
        True
    """

    start: float = 1e-5
    end: float = 10.0
    steps: int = 500

    def __post_init__(self) -> None:
        check(self.start > 0, "start", self.start, "a positive number")
        check(self.start < self.end < math.inf, "end", self.end, f"greater than `start` ({self.start})")
        check(self.steps >= 2, "steps", self.steps, ">= 2")

    def __call__(
        self,
        trainer: "Trainer",
        x: NestedArrays | Dataset,
        y: NestedArrays | None = None,
        *,
        batch_size: int = 32,
        sample_weight: NestedArrays | None = None,
        verbose: bool = False,
    ) -> LRSweep:
        """Runs the learning-rate range test.

        Args:
            trainer: Trainer whose model has a single Keras optimizer.
            x: Input data, as in `Trainer.fit`.
            y: Target data, as in `Trainer.fit`.
            batch_size: Number of examples per step, as in `Trainer.fit`.
            sample_weight: Sample weights, as in `Trainer.fit`.
            verbose: If `True`, display progress.

        Raises:
            ValueError: If the data cannot be used for training, if the model does not have a single Keras optimizer
                with a learning rate, or if its steps do not log a finite loss.
        """
        model, optimizer = trainer.model, trainer.model.optimizer
        single = isinstance(optimizer, keras.optimizers.Optimizer) and not hasattr(optimizer, "optimizers")
        check(
            single,
            "trainer",
            Verbatim(f"a trainer with the optimizer {optimizer}"),
            "have a single Keras optimizer",
        )
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        kind = type(inner).__name__
        check(
            "learning_rate" in inner.get_config(),
            "trainer",
            Verbatim(f"a trainer with the optimizer {kind}"),
            "have an optimizer with a learning rate",
        )
        endless = isinstance(x, tf.data.Dataset) and x.cardinality() == tf.data.INFINITE_CARDINALITY
        source = make_source(
            model if trainer.steps_as_keras else None,
            x,
            y,
            batch_size=batch_size,
            sample_weight=sample_weight,
            seed=0,
            steps_per_epoch=self.steps if endless else None,
        )
        loops = Loops(trainer, model, {"train": trainer.train_step}, GradientPipeline(trainer, model).routed)
        with model.distribute_strategy.scope():
            if trainer.steps_as_keras:
                build_late_parts(model, source.example, source.batch_size)
            copy = _copy(optimizer, self.start)  # the learning rate of the copy is a variable, not a schedule
            if model.built:
                copy.build(model.trainable_variables)
        model.optimizer = copy
        try:
            source.compile(loops, "train", jit=False)
            variables = training_state(trainer, loops.variables())  # includes the global Keras seed if steps use it
            before = snapshot(variables)
            try:
                with Progress("tensorsmith.training") if verbose else contextlib.nullcontext(SILENT) as progress:
                    return self._sweep(model, source, progress)
            finally:
                restore(variables, before)
        finally:
            model.optimizer = optimizer

    def _sweep(self, model: keras.Model, source: BatchSource, progress: Progress) -> LRSweep:
        rates = self.start * (self.end / self.start) ** (np.arange(self.steps) / self.steps)
        losses: list[float] = []
        means: list[float] = []
        mean, kept = 0.0, math.exp(-1 / (MEMORY * self.steps))
        epoch = step = 0
        source.begin(epoch)
        steps = progress.track(rates, "testing learning rates", len(rates), "steps")
        for i, rate in enumerate(steps, 1):
            model.optimizer.learning_rate = rate
            model.reset_metrics()
            done, logs = source.run(step, 1)
            if not done:
                epoch, step = epoch + 1, 0
                source.begin(epoch)
                done, logs = source.run(step, 1)
            step += done
            check("loss" in logs, "trainer", Verbatim(f"a trainer that logs {sorted(logs)}"), "have a loss in its logs")
            loss = float(logs["loss"])
            mean = kept * mean + (1 - kept) * loss
            smoothed = mean / (1 - kept**i)
            if not math.isfinite(loss) or (means and smoothed > DIVERGED * min(means)):
                break
            losses.append(loss)
            means.append(smoothed)
        check(
            bool(losses),
            "trainer",
            Verbatim(f"a first loss of {loss}"),
            f"have a finite loss at the learning rate {rate:g}",
        )
        return LRSweep(rates[: len(losses)], np.array(losses), np.array(means))


def _copy(optimizer: keras.optimizers.Optimizer, rate: float) -> keras.optimizers.Optimizer:
    """Returns a copy of an optimizer with the given learning rate and without the state of the original."""
    config = optimizer.get_config()
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        config["inner_optimizer"] = _copy(optimizer.inner_optimizer, rate)
        return type(optimizer)(**config)
    return type(optimizer).from_config({**config, "learning_rate": rate})
