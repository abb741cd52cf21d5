"""Plots of learning curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorsmith.core import printable, replace_file


def plot_curves(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Plot training and validation curves, with one subplot per metric.

    Training values are averages over an epoch, and validation values are computed at its end. Training curves are
    therefore shifted by half an epoch to the left. Learning rates are those of the last step of an epoch.

    Args:
        history: Dict that maps metric names to lists of values per epoch, as in the `history` attribute of a Keras
            `History`.
        path: Path of the PNG file to write. None is written if no epoch has been completed.
    """
    if not history:
        return

    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    figure = Figure(figsize=(4.5 * len(names), 3.5), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        is_rate = name.startswith("learning_rate")
        for key, label, shift in ((name, "training", 0.0 if is_rate else 0.5), (f"val_{name}", "validation", 0.0)):
            values = history.get(key, ())
            epochs = [epoch - shift for epoch in range(1, len(values) + 1)]
            if values:
                panel.plot(epochs, values, marker="o" if len(values) == 1 else None, label=label)
        panel.set_title(printable(name), parse_math=False)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        if not is_rate:
            panel.legend()
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)
