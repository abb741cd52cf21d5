"""Callback that reports when the training of a generative adversarial network has collapsed."""

import logging
from collections.abc import Callable

import keras
import numpy as np

from tensorsmith.core import check, is_number
from tensorsmith.core.types import Logs, TensorLike

log = logging.getLogger("tensorsmith.training")


class CollapseMonitor(keras.callbacks.Callback):
    """Logs the diversity of generated samples after each epoch, and warns once if training has collapsed.

    The diversity is the variance of generated samples, summed over pixels, in relation to that of real samples: 1 if
    both vary equally, and 0 if all samples are equal. Training has collapsed if

    - the diversity is below `least_diversity` (mode collapse),
    - the discriminator accuracy is at least `most_accuracy`, so that the generator cannot learn from it any more, or
    - a generated value or a loss is not finite.

    The callback does not stop training. `tensorsmith.training.Trainer` itself stops with a `NonFiniteLossError` at the
    first loss that is not finite.

    Args:
        generate: Function that takes the model and returns generated samples of shape `(n, ...)`.
        real: Tensor of real samples of shape `(m, ...)`.
        least_diversity: Diversity below which a warning is logged.
        most_accuracy: Discriminator accuracy from which on a warning is logged.
        metric: Name of the discriminator accuracy in the logs. It may be missing.

    Attributes:
        collapsed_after: Number of epochs after which training had collapsed, or `None`.

    Raises:
        ValueError: If a bound is not a number in [0, 1], or if the real samples are all equal.

    Example:
        >>> import keras, numpy as np
        >>> real = np.random.default_rng(0).normal(size=(100, 2))
        >>> generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, kernel_initializer="zeros")])
        >>> monitor = CollapseMonitor(lambda model: model(np.ones((50, 1))), real)
        >>> generator.compile("sgd", "mse")
        >>> history = generator.fit(np.zeros((50, 1)), real[:50], callbacks=[monitor], verbose=0)
        >>> monitor.collapsed_after
        1
    """

    def __init__(
        self,
        generate: Callable[[keras.Model], TensorLike],
        real: TensorLike,
        least_diversity: float = 0.1,
        most_accuracy: float = 0.999,
        metric: str = "discriminator_accuracy",
    ) -> None:
        super().__init__()
        for name, bound in (("least_diversity", least_diversity), ("most_accuracy", most_accuracy)):
            check(is_number(bound) and 0 <= bound <= 1, name, bound, "a number in [0, 1]")
        self._real_variance = _variance(real)
        check(self._real_variance > 0, "real", "samples that are all equal", "different samples")
        self._generate = generate
        self._least_diversity = least_diversity
        self._most_accuracy = most_accuracy
        self._metric = metric
        self.collapsed_after: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets an earlier run."""
        self.collapsed_after = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the diversity to the logs."""
        logs = {} if logs is None else logs
        logs["diversity"] = diversity = _variance(self._generate(self.model)) / self._real_variance
        accuracy = logs.get(self._metric, 0.0)
        if self.collapsed_after is not None:
            return
        after = f"after epoch {epoch + 1}"
        bad = [name for name, value in logs.items() if "loss" in name and not np.isfinite(value)]
        if bad or not np.isfinite(diversity):
            log.warning("Not finite %s: %s.", after, ", ".join(bad) or "generated samples")
        elif diversity < self._least_diversity:
            log.warning("Mode collapse %s: generated samples have %.2g of the real variance.", after, diversity)
        elif accuracy >= self._most_accuracy:
            log.warning("The discriminator recognizes all samples %s (accuracy %.4g).", after, accuracy)
        else:
            return
        self.collapsed_after = epoch + 1


def _variance(samples: TensorLike) -> float:
    """Returns the variance of samples, summed over pixels."""
    with np.errstate(invalid="ignore"):
        return float(np.var(keras.ops.convert_to_numpy(samples).astype("float64"), axis=0).sum())
