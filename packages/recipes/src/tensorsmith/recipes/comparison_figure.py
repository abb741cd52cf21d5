"""Figure of a comparison: learning curves, and the scores of all seeds."""

from pathlib import Path

import numpy as np

from tensorsmith.core import replace_file
from tensorsmith.recipes.comparison_results import Comparison


def plot_comparison(comparison: Comparison, path: Path) -> None:
    """Plot the validation curves of all variants, averaged over the seeds, beside the scores of each seed.

    Args:
        comparison: Results to plot.
        path: Path of the PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    variants = [variant for variant in comparison.variants if variant.scores]
    figure = Figure(figsize=(11, 1.6 + 0.55 * max(len(variants), 4)), layout="constrained")
    curves, scores = figure.subplots(1, 2)
    for position, variant in enumerate(variants):
        color = f"C{position}"
        if variant.curves:
            lengths = {len(curve) for curve in variant.curves.values()}
            values = np.array([curve[: min(lengths)] for curve in variant.curves.values()])
            epochs = np.arange(1, values.shape[1] + 1)
            curves.plot(epochs, values.mean(axis=0), color=color, label=variant.name)
            curves.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
        found = np.array(list(variant.scores.values()))
        scores.plot(found, np.full(len(found), position), "o", color=color, alpha=0.5)
        scores.plot(found.mean(), position, "|", color=color, markersize=22, markeredgewidth=2.5)
    curves.set_xlabel("epoch")
    curves.set_ylabel(f"validation {comparison.metric}")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    if any(variant.curves for variant in variants):
        curves.legend(fontsize="small")
    scores.set_yticks(range(len(variants)), [variant.name for variant in variants])
    scores.invert_yaxis()
    better = "larger" if comparison.direction == "max" else "smaller"
    scores.set_xlabel(f"{comparison.split} {comparison.metric} ({better} is better)")
    for panel in (curves, scores):
        panel.grid(alpha=0.3)
    figure.suptitle(comparison.question, fontsize="medium")
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)
