"""What a search leaves to look at: a picture, and TensorBoard's table of hyperparameters."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from tensorsmith.core import replace_file
from tensorsmith.tuning.search import Search
from tensorsmith.tuning.space import Choice, Range, Real, Whole
from tensorsmith.tuning.trial import Result

Results = Mapping[str, Result]


def plot_scores(search: Search, results: Results, path: Path) -> None:
    """Draws the score of each trial against each hyperparameter, a panel for each; the best trial stands out.

    Args:
        search: What was searched.
        results: Of trials that did not fail, best first.
        path: The PNG file.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(3.6 * len(search.space), 3.4), layout="constrained")
    panels = figure.subplots(1, len(search.space), squeeze=False, sharey=True)[0]
    for panel, (name, known) in zip(panels, search.space.items(), strict=True):
        points = [(result.drawn[name], result.score) for result in results.values() if name in result.drawn]
        places = [_place(known, value) for value, _ in points]
        panel.scatter(places, [score for _, score in points], alpha=0.7)
        if points and name in next(iter(results.values())).drawn:
            panel.scatter(places[:1], [points[0][1]], marker="*", s=160, label="best")
            panel.legend()
        if isinstance(known, Choice):
            panel.set_xticks(range(len(known.options)), [str(option) for option in known.options])
        elif getattr(known, "log", False):
            panel.set_xscale("log")
        elif isinstance(known, Whole):
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlabel(name)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(search.objective)
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


def write_hparams(search: Search, results: Results, folder: Path) -> None:
    """Writes what TensorBoard's HParams tab shows, and the curves of each trial.

    Args:
        search: What was searched.
        results: Of trials that did not fail.
        folder: Of the events; what was in it is replaced.
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
    """Where a value stands on its axis."""
    if isinstance(known, Choice):
        return float([_listed(option) for option in known.options].index(_listed(value)))
    return float(value)


def _listed(value: Any) -> Any:
    """Tuples as lists, which they are once they have been in a file."""
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _domain(known: Range) -> Any:
    if isinstance(known, Choice):
        return api.Discrete([_plain(known, option) for option in known.options])
    if isinstance(known, Real):
        return api.RealInterval(float(known.low), float(known.high))
    return api.IntInterval(*known.probes)


def _plain(known: Range, value: Any) -> Any:
    """The value as TensorBoard can hold it, which wants options of one kind: otherwise as text."""
    kinds = {type(option) for option in known.options} if isinstance(known, Choice) else {type(value)}
    return value if len(kinds) == 1 and kinds <= {bool, int, float, str} else str(_listed(value))
