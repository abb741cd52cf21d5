"""Search reports: a plot of the scores, and event files for the HParams tab of TensorBoard."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from tensorsmith.core import replace_file
from tensorsmith.tuning.search import Search
from tensorsmith.tuning.space import Choice, Float, Int, Range
from tensorsmith.tuning.trial import Result

Results = Mapping[str, Result]
LETTERS = 24  # number of letters of all tick labels that fit below a panel


def plot_scores(search: Search, results: Results, path: Path) -> None:
    """Plots the scores against each hyperparameter, with the best trial highlighted.

    Args:
        search: Settings of the hyperparameter search.
        results: List of the results of successful trials, sorted from best to worst.
        path: Path of the PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

    layout = ConstrainedLayoutEngine(wspace=0.12)  # by default, tick labels of neighboring panels collide
    figure = Figure(figsize=(3.6 * len(search.space), 3.4), layout=layout)
    panels = figure.subplots(1, len(search.space), squeeze=False, sharey=True)[0]
    for panel, (name, known) in zip(panels, search.space.items(), strict=True):
        points = [(result.drawn[name], result.score) for result in results.values() if name in result.drawn]
        positions = [_place(known, value) for value, _ in points]
        panel.scatter(positions, [score for _, score in points], alpha=0.7)
        if points and name in next(iter(results.values())).drawn:
            panel.scatter(positions[:1], [points[0][1]], marker="*", s=160, label="best")
            panel.legend()
        if isinstance(known, Choice):
            labels = [str(_listed(option)) for option in known.options]  # as in configuration files: [32], not (32,)
            long = sum(map(len, labels)) > LETTERS
            slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
            panel.set_xticks(range(len(labels)), labels, **slanted)
        elif isinstance(known, Float | Int) and known.log:
            panel.set_xscale("log")
            powers = [10.0**exponent for exponent in range(-20, 20)]
            between = [power for power in powers if 1.5 * known.low < power < known.high / 1.5]
            ticks = [known.low, *between[:: -(-len(between) // 2) or 1], known.high]
            panel.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
            panel.set_xticks([], minor=True)
        elif isinstance(known, Int):
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlabel(name)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(search.objective)
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


def write_hparams(search: Search, results: Results, folder: Path) -> None:
    """Writes event files for the HParams tab of TensorBoard, including the learning curves of each trial.

    Args:
        search: Settings of the hyperparameter search.
        results: List of the results of successful trials.
        folder: Folder for the event files, whose content is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    parameters = [api.HParam(name, _domain(known)) for name, known in search.space.items()]
    with tf.summary.create_file_writer(str(folder)).as_default():
        api.hparams_config(parameters, [api.Metric("score", display_name=search.objective)])
    for name, result in results.items():
        with tf.summary.create_file_writer(str(folder / name)).as_default():
            api.hparams({key: _plain(search.space[key], value) for key, value in result.drawn.items()}, trial_id=name)
            tf.summary.scalar("score", result.score, step=0)
            for measure, values in result.history.items():
                for epoch, value in enumerate(values):
                    tf.summary.scalar(f"epoch_{measure}", value, step=epoch)


def _place(known: Range, value: Any) -> float:
    """Returns the coordinate of a hyperparameter value on a plot axis."""
    if isinstance(known, Choice):
        return float([_listed(option) for option in known.options].index(_listed(value)))
    return float(value)


def _listed(value: Any) -> Any:
    """Converts tuples to lists recursively, as JSON serialization does."""
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _domain(known: Range) -> Any:
    if isinstance(known, Choice):
        return api.Discrete([_plain(known, option) for option in known.options])
    if isinstance(known, Float):
        return api.RealInterval(float(known.low), float(known.high))
    return api.IntInterval(*known.probes)


def _plain(known: Range, value: Any) -> Any:
    """Converts a hyperparameter value to a type that TensorBoard supports. Options of mixed types become strings."""
    kinds = {type(option) for option in known.options} if isinstance(known, Choice) else {type(value)}
    return value if len(kinds) == 1 and kinds <= {bool, int, float, str} else str(_listed(value))
