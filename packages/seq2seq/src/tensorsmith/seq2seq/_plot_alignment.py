"""Plot of the attention weights of a decoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_alignment(
    weights: TensorLike, source: Sequence[str], target: Sequence[str], ax: "Axes | None" = None
) -> "Axes":
    """Plot the attention weights of the steps of a target sequence, which align it with its source sequence.

    Requires Matplotlib, which is installed by `pip install "./packages/seq2seq[plot]"`.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", 2014, figure 3.

    Args:
        weights: Tensor of shape `(target_steps, source_steps)`. Further steps, such as padding, are not shown.
        source: Tokens of the source sequence, for the horizontal axis.
        target: Tokens of the target sequence, for the vertical axis.
        ax: Matplotlib axes to plot into. If `None`, a new figure is created.

    Returns:
        The Matplotlib axes.

    Raises:
        ValueError: If `weights` does not have rank 2, or has fewer steps than there are tokens.

    Example:
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from tensorsmith.seq2seq import plot_alignment
        >>> axes = plot_alignment([[0.9, 0.1], [0.2, 0.8]], ["good", "day"], ["buenos", "días"])
        >>> [label.get_text() for label in axes.get_xticklabels()]
        ['good', 'day']
    """
    import matplotlib.pyplot as plt

    shown = np.asarray(weights, np.float32)
    valid = shown.ndim == 2 and len(target) <= shown.shape[0] and len(source) <= shown.shape[1]
    expected = f"have a shape of at least ({len(target)}, {len(source)}), the numbers of tokens"
    check(valid, "weights", Verbatim(shown.shape), expected)
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.imshow(shown[: len(target), : len(source)], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    rotation = 0 if max(map(len, source), default=0) <= 1 else 90  # characters need no rotation
    ax.set_xticks(range(len(source)), source, rotation=rotation)
    ax.set_yticks(range(len(target)), target)
    ax.xaxis.tick_top()
    return ax
