"""Tests of the figure of a hyperparameter search."""

import contextlib
import itertools
import types

import pytest

import tensorsmith.tuning as tune
from tensorsmith.tuning.report import plot_scores
from tensorsmith.tuning.trial import Result


def test_labels_of_the_score_plot(tmp_path, monkeypatch):
    """Labels are written as in configuration files, and do not overlap."""
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    space = {
        "units": tune.Choice(((32,), (64, 32), (128, 64, 32))),
        "rate": tune.Float(1e-4, 0.3, log=True),
        "width": tune.Int(16, 4096, log=True),
    }
    search = types.SimpleNamespace(space=space, objective="val_loss")
    drawn = {"units": (64, 32), "rate": 0.01, "width": 256}
    monkeypatch.setattr("tensorsmith.tuning.report.replace_file", lambda path: contextlib.nullcontext(path))
    plot_scores(search, {"0": Result({}, drawn, 1.0)}, tmp_path / "scores.png")
    (figure,) = figures
    figure.canvas.draw()
    texts = [[label.get_text() for label in panel.get_xticklabels()] for panel in figure.axes]
    assert texts[0] == ["[32]", "[64, 32]", "[128, 64, 32]"]
    assert [float(text) for text in texts[1]] == pytest.approx([1e-4, 1e-3, 0.1, 0.3])
    assert [float(text) for text in texts[2]] == pytest.approx([16, 100, 1000, 4096], rel=0.01)
    upright = [label.get_window_extent() for panel in figure.axes[1:] for label in panel.get_xticklabels()]
    for left, right in itertools.pairwise(upright):
        assert left.x1 < right.x0
