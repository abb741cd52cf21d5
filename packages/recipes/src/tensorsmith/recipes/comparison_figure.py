"""Figure of a comparison: learning curves, and the scores of all seeds."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import replace_file
from tensorsmith.recipes.comparison_results import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# An axis extends beyond the values of the better half by at most these multiples of their range.
READABLE_CURVES, READABLE_SCORES = 4.0, 12.0
MOST_CURVES = 10  # which is the number of colors
ROUNDING = 1e-6  # relative difference of scores below which an axis does not show it
LOGARITHMIC = 20.0  # ratio of the largest to the smallest error of curves, from which on their axis is logarithmic


def plot_comparison(comparison: Comparison, path: Path) -> None:
    """Plot the scores of each seed of all variants, and the validation curves of up to 10 variants, if any.

    The curves are averaged over the seeds. The axes are chosen so that the better half of the variants is readable. The
    scores of variants outside of an axis are written at its border. Variants without scores, or without finite ones,
    are marked.

    Args:
        comparison: Results to plot.
        path: Path of the PNG file to write.
    """
    from matplotlib.figure import Figure

    variants = comparison.variants
    better = "larger" if comparison.direction == "max" else "smaller"
    scores = {f"{comparison.split} {comparison.metric} ({better} is better)": [each.scores for each in variants]}
    for name in dict.fromkeys(name for variant in variants for name in variant.columns):
        columns = [variant.columns.get(name, {}) for variant in variants]
        distinct = {value for column in columns for value in column.values()}
        if len(distinct) > 1 and sum(map(bool, columns)) > 1:  # otherwise there is nothing to compare
            scores[name] = columns
    with_curves = any(variant.curves for variant in variants) and len(variants) <= MOST_CURVES
    count = len(scores) + with_curves
    figure = Figure(figsize=(max(4.5 * count, 6.0), 1.6 + 0.55 * max(len(variants), 4)), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    best = _better_half(comparison)
    if with_curves:
        _plot_curves(panels[0], comparison, best)
    for panel, (name, values) in zip(panels[with_curves:], scores.items(), strict=True):
        _plot_scores(panel, comparison, [list(each.values()) for each in values], best)
        panel.set_xlabel(name)
    figure.suptitle(textwrap.fill(comparison.question, round(13 * figure.get_figwidth())), fontsize="medium")
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


def _better_half(comparison: Comparison) -> list[int]:
    """Return the positions of the better half of the variants that have scores, but of at least two."""
    sign = 1 if comparison.direction == "min" else -1
    means = {i: sign * np.mean(list(each.scores.values())) for i, each in enumerate(comparison.variants) if each.scores}
    means = {position: mean for position, mean in means.items() if np.isfinite(mean)}
    return sorted(means, key=lambda position: means[position])[: max(2, (len(means) + 1) // 2)]


def _limits(values: Sequence[float], best: Sequence[float], multiple: float) -> tuple[float, float] | None:
    """Return the limits of an axis, given all values and those of the better half, or `None` if it shows all values."""
    finite = np.array(best)[np.isfinite(best)]
    span = np.ptp(finite) if finite.size else 0.0
    if span == 0:
        return None
    low, high = finite.min() - multiple * span, finite.max() + multiple * span
    inside = [value for value in values if low <= value <= high]
    return None if len(inside) == len(values) else (min(inside), max(inside))


def _plot_curves(panel: "Axes", comparison: Comparison, best: Sequence[int]) -> None:
    """Plot the validation curves of all variants: the mean and the range over the seeds."""
    from matplotlib.ticker import MaxNLocator

    means = {}
    for position, variant in enumerate(comparison.variants):
        if variant.curves:
            length = min(map(len, variant.curves.values()))
            values = np.array([curve[:length] for curve in variant.curves.values()])
            epochs, color = np.arange(1, length + 1), f"C{position}"
            means[position] = values.mean(axis=0)
            marker = "o" if length == 1 else None  # a line of one point is invisible
            panel.plot(epochs, means[position], marker=marker, color=color, label=variant.name)
            panel.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
    best_means = [value for position in best if position in means for value in means[position]]
    every = np.concatenate(list(means.values()))
    limits = _limits(every.tolist(), best_means, READABLE_CURVES)
    errors = every[np.isfinite(every)] if comparison.direction == "min" else np.zeros(0)
    if errors.size and errors.min() > 0 and errors.max() > LOGARITHMIC * errors.min():
        panel.set_yscale("log")  # errors of the first epochs are often much larger than all others
    elif limits:
        panel.set_ylim(*_with_margin(*limits))
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"validation {comparison.metric}")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panel.legend(fontsize="small")
    panel.grid(alpha=0.3)


def _plot_scores(panel: "Axes", comparison: Comparison, scores: Sequence[Sequence[float]], best: Sequence[int]) -> None:
    """Plot the scores of all seeds of each variant, and their mean, one variant below the other."""
    from matplotlib.ticker import MaxNLocator

    means = [float(np.mean(values)) if values else np.nan for values in scores]
    limits = _limits(means, [value for i in best for value in scores[i]], READABLE_SCORES)
    if limits and 2 * sum(limits[0] <= mean <= limits[1] for mean in means) <= np.isfinite(means).sum():
        limits = None  # half of the variants are no outliers
    low, high = limits or (-np.inf, np.inf)
    shown: list[float] = []  # scores within the axis; a variant is shown completely or not at all
    for position, (variant, values) in enumerate(zip(comparison.variants, scores, strict=True)):
        color = f"C{position}"
        mean = means[position]
        if low <= mean <= high:
            shown += values
            panel.plot(values, np.full(len(values), position), "o", color=color, alpha=0.5)
            panel.plot(mean, position, "|", color=color, markersize=22, markeredgewidth=2.5)
        elif mean < low or mean > high:
            _mark_outliers(panel, position, values, "<" if mean < low else ">")
        if not variant.scores or (values and not np.isfinite(values).any()):
            reason = "not finite" if variant.scores else "failed"
            panel.text(0.02, position, reason, transform=panel.get_yaxis_transform(), va="center", color="gray")
    if limits:
        panel.set_xlim(*_with_margin(min(shown), max(shown)))
    elif shown and 0 < np.ptp(shown) < ROUNDING * np.max(np.abs(shown)):
        panel.set_xlim(*sorted((0.9 * shown[0], 1.1 * shown[0])))  # the scores are equal up to rounding
    panel.set_yticks(range(len(scores)), [variant.name for variant in comparison.variants])
    panel.set_ylim(len(scores) - 0.5, -0.5)  # the first variant on top
    panel.xaxis.set_major_locator(MaxNLocator(4))  # scores may be long numbers
    panel.grid(alpha=0.3)


def _mark_outliers(panel: "Axes", position: int, values: Sequence[float], marker: str) -> None:
    """Plot a triangle at the border of an axis, beside the values beyond it."""
    if values:
        border, offset, side = (0.02, 0.05, "left") if marker == "<" else (0.98, 0.95, "right")
        numbers = ", ".join(dict.fromkeys(f"{value:.3g}" for value in values))
        color, transform = f"C{position}", panel.get_yaxis_transform()
        panel.plot(border, position, marker, markersize=9, color=color, transform=transform)
        panel.text(offset, position, numbers, fontsize="small", ha=side, va="center", color=color, transform=transform)


def _with_margin(low: float, high: float) -> tuple[float, float]:
    """Return limits with a margin of 10 % on each side."""
    margin = 0.1 * (high - low)
    return low - margin, high + margin
