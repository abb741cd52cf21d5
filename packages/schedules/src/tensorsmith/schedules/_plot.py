"""Plot of a schedule."""

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Timeline, check
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESOLUTION = 2000  # maximum number of points
DECADES = 2  # larger ranges of values have a logarithmic scale


def plot(schedule: Part, steps: int | None = None, ax: "Axes | None" = None) -> "Axes":
    """Plot the values of a schedule over the steps, with epoch boundaries if the epoch length is known.

    The value axis is logarithmic if all values are positive and span more than two decades. Requires Matplotlib, which
    is installed by `pip install "./packages/schedules[plot]"`.

    Args:
        schedule: Schedule to plot: a schedule of this package or of Keras, or a number.
        steps: Number of steps to plot. Defaults to the length of the run that the schedule is bound to, or to 110% of
            the length of the schedule.
        ax: Matplotlib axes to plot into. If `None`, a new figure is created.

    Returns:
        The Matplotlib axes.

    Raises:
        ValueError: If `schedule` is neither a schedule nor a number, `steps` is not a positive integer, or `steps` is
            omitted and neither the run nor the schedule is finite.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from tensorsmith.schedules import CosineDecay
        >>> axes = plot(CosineDecay(0.1, steps=1000))
        >>> axes.get_xlabel(), axes.get_yscale()
        ('step', 'linear')
    """
    import matplotlib.pyplot as plt

    schedule = part("schedule", schedule)
    timeline = getattr(schedule, "timeline", None) or Timeline()
    known = steps if steps is not None else timeline.total_steps or _beyond(end_of(schedule))
    last = int(known) if isinstance(known, numbers.Integral) else 0
    check(last > 0, "steps", steps, "a positive integer, or None if the run or the schedule is finite")

    positions = np.linspace(0, last, min(last, RESOLUTION) + 1).round()
    curve = tf.function(lambda positions: value_at(schedule, positions), autograph=False)
    values = curve.get_concrete_function(tf.TensorSpec(positions.shape, "float64"))(tf.constant(positions)).numpy()
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.plot(positions, values)
    ax.set_xlabel("step")
    ax.set_ylabel("value")
    ax.grid(alpha=0.3)
    if values.min() > 0 and values.max() > 10**DECADES * values.min():
        ax.set_yscale("log")
    if timeline.steps_per_epoch:
        _mark_epochs(ax, last, timeline.steps_per_epoch)
    return ax


def _beyond(end: int | None) -> int | None:
    """Return the number of steps to plot: 110% of the length of the schedule, to show its final value."""
    return None if end is None else end + math.ceil(end / 10)


def _mark_epochs(ax: Any, last: int, size: int) -> None:
    """Draw vertical lines at epoch boundaries, at most about 20, with the epoch numbers at the top."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=20, integer=True).tick_values(0, last / size)
    epochs = [int(epoch) for epoch in ticks if 0 <= epoch * size <= last]
    for epoch in epochs:
        ax.axvline(epoch * size, color="gray", linestyle=":", linewidth=0.8)
    above = ax.secondary_xaxis("top", functions=(lambda step: step / size, lambda epoch: epoch * size))
    above.set_xlabel("epoch")
    above.set_xticks(epochs)
