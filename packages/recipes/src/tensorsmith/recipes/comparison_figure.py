"""Figure of a comparison: learning curves, and the scores of all seeds."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import replace_file
from tensorsmith.recipes.comparison_results import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_comparison(comparison: Comparison, path: Path) -> None:
    """Plot the scores of each seed of all variants, and the validation curves, averaged over the seeds, if any.

    Args:
        comparison: Results to plot.
        path: Path of the PNG file to write.
    """
    from matplotlib.figure import Figure

    variants = [variant for variant in comparison.variants if variant.scores]
    better = "larger" if comparison.direction == "max" else "smaller"
    scores = {f"{comparison.split} {comparison.metric} ({better} is better)": [each.scores for each in variants]}
    for name in dict.fromkeys(name for variant in variants for name in variant.columns):
        scores[name] = [variant.columns.get(name, {}) for variant in variants]
    with_curves = any(variant.curves for variant in variants)
    count = len(scores) + with_curves
    figure = Figure(figsize=(max(4.5 * count, 6.0), 1.6 + 0.55 * max(len(variants), 4)), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    if with_curves:
        _plot_curves(panels[0], comparison)
    for panel, (name, values) in zip(panels[with_curves:], scores.items(), strict=True):
        _plot_scores(panel, [variant.name for variant in variants], [list(each.values()) for each in values])
        panel.set_xlabel(name)
    figure.suptitle(comparison.question, fontsize="medium")
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


def _plot_curves(panel: "Axes", comparison: Comparison) -> None:
    """Plot the validation curves of all variants: the mean and the range over the seeds."""
    from matplotlib.ticker import MaxNLocator

    variants = [variant for variant in comparison.variants if variant.scores]
    for position, variant in enumerate(variants):
        if variant.curves:
            length = min(map(len, variant.curves.values()))
            values = np.array([curve[:length] for curve in variant.curves.values()])
            epochs, color = np.arange(1, length + 1), f"C{position}"
            panel.plot(epochs, values.mean(axis=0), color=color, label=variant.name)
            panel.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"validation {comparison.metric}")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize="small")
    panel.grid(alpha=0.3)


def _plot_scores(panel: "Axes", names: Sequence[str], scores: Iterable[Sequence[float]]) -> None:
    """Plot the scores of all seeds of each variant, and their mean, one variant below the other."""
    from matplotlib.ticker import MaxNLocator

    for position, values in enumerate(scores):
        color = f"C{position}"
        panel.plot(values, np.full(len(values), position), "o", color=color, alpha=0.5)
        if len(values):
            panel.plot(np.mean(values), position, "|", color=color, markersize=22, markeredgewidth=2.5)
    panel.set_yticks(range(len(names)), names)
    panel.xaxis.set_major_locator(MaxNLocator(4))  # scores may be long numbers
    panel.invert_yaxis()
    panel.grid(alpha=0.3)
