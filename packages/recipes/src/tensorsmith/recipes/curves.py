"""Plots of learning curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorsmith.core import replace_file


def plot_curves(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Plot training and validation curves, with one subplot per metric.

    Training values are averages over an epoch, and validation values are computed at its end. Training curves are
    therefore shifted by half an epoch to the left.

    Args:
        history: Dict that maps metric names to lists of values per epoch, as in the `history` attribute of a Keras
            `History`.
        path: Path of the PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = [name for name in history if not name.startswith("val_")]
    figure = Figure(figsize=(4.5 * len(names), 3.5), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        epochs = range(1, len(history[name]) + 1)
        marker = "o" if len(history[name]) == 1 else None
        panel.plot([epoch - 0.5 for epoch in epochs], history[name], marker=marker, label="training")
        if f"val_{name}" in history:
            panel.plot(epochs, history[f"val_{name}"], marker=marker, label="validation")
        panel.set_title(name)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)
