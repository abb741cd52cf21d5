"""Figures of an evaluation: confusion matrix of a classifier, and residuals of a regression."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import printable, replace_file
from tensorsmith.recipes.evaluation import ClassReport, Residuals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTED, NAMED = 20, 60  # maximum numbers of classes whose cells have counts, and of classes with names at the axes
LONGEST = 24  # characters of a class name in the figure


def plot_report(report: ClassReport | Residuals, title: str, path: Path) -> None:
    """Plot a confusion matrix, or the predictions and residuals of a regression.

    Args:
        report: Report to plot.
        title: Name of the recipe and of the split.
        path: Path of the PNG file to write.
    """
    figure = _confusion(report, title) if isinstance(report, ClassReport) else _residuals(report, title)
    with replace_file(path) as draft, warnings.catch_warnings():
        # A glyph that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure.savefig(draft, dpi=120)


def _confusion(report: ClassReport, title: str) -> "Figure":
    """Return a matrix whose colors are fractions of the examples of a class, so that rare classes remain visible."""
    from matplotlib.figure import Figure

    classes = len(report.names)
    side = min(3.5 + 0.42 * classes, 14.0)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    panel = figure.subplots()
    fractions = report.confusion / np.maximum(report.support, 1)[:, None]
    image = panel.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=panel, label="fraction of the examples of the true class", shrink=0.8)
    step = -(-classes // NAMED)
    ticks = range(0, classes, step)
    names = [printable(name) for name in report.names[::step]]
    names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    size = "medium" if classes <= COUNTED else "x-small"
    fits = 0.09 * max(map(len, names)) < 0.75 * side / classes  # inches per character and per class
    panel.set_xticks(ticks, names, rotation=0 if fits else 90, fontsize=size, parse_math=False)
    panel.set_yticks(ticks, names, fontsize=size, parse_math=False)
    if classes <= COUNTED:
        for row, column in np.argwhere(report.confusion):
            color = "white" if fractions[row, column] > 0.5 else "black"
            count = f"{report.confusion[row, column]:,}"
            panel.text(column, row, count, ha="center", va="center", color=color, fontsize="x-small")
    panel.set_xlabel("predicted class")
    panel.set_ylabel("true class")
    panel.set_title(f"{title}: accuracy {report.accuracy:.3f} ({report.confusion.sum():,} examples)", fontsize="medium")
    return figure


def _residuals(report: Residuals, title: str) -> "Figure":
    """Return a plot of the predictions against the targets, and a histogram of the residuals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    count = len(report.targets)
    left.scatter(report.targets, report.predictions, s=6, alpha=min(1.0, max(0.05, 2000 / count)), linewidths=0)
    low, high = (float(extreme(report.targets)) for extreme in (np.min, np.max))
    left.plot([low, high], [low, high], color="gray", linewidth=1, label="exact prediction")
    left.set_xlabel("target")
    left.set_ylabel("prediction")
    left.legend()
    errors = report.errors
    right.hist(errors, bins="auto" if count < 10_000 else 100)
    right.axvline(0, color="gray", linewidth=1)
    right.set_xlabel("residual (prediction - target)")
    right.set_ylabel("examples")
    right.set_title(f"mean {errors.mean():.3g}, standard deviation {errors.std():.3g}", fontsize="medium")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    figure.suptitle(f"{title}: R² {report.r2:.3f} ({count:,} examples)", fontsize="medium")
    return figure
