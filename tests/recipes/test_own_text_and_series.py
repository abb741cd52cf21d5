"""Tests of copies of starting points whose data function reads the texts or the series of the user."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import register
from tensorsmith.recipes import RunRequest, launch
from tensorsmith.recipes.catalog import find_recipe

LOAD_TEXTS = """
    folder = Path(__file__).parent / "texts"
    files = [path for path in sorted(folder.glob("*/*.txt"))]
    texts = np.array([path.read_text() for path in files], object)
    labels = np.array([path.parent.name == "positive" for path in files], np.float32)
    parts = {"train": slice(0, None, 2), "validation": slice(1, None, 4), "test": slice(3, None, 4)}
    return {split: (texts[part], labels[part]) for split, part in parts.items()}
"""
LOAD_SERIES = """
    values = np.loadtxt(Path(__file__).parent / "series.csv", delimiter=",", skiprows=1, usecols=1, dtype="float32")
    values = (values - values.mean()) / values.std()
    windows = np.lib.stride_tricks.sliding_window_view(values, config.steps + 1)[..., None]
    splits = {"train": slice(0, 400), "validation": slice(400, 500), "test": slice(500, None)}
    return {split: (windows[rows, :-1], windows[rows, 1:]) for split, rows in splits.items()}
"""


def copy(name, path, function, body):
    """Writes a copy of a recipe in which the body of a function is replaced."""
    lines = find_recipe(name).path.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"def {function}("))
    end = next(number for number in range(start + 1, len(lines)) if lines[number].startswith("def "))
    imports = lines.index("from typing import Any")
    lines = [*lines[: start + 1], *body.splitlines(), "", "", *lines[end:]]
    lines.insert(imports, "from pathlib import Path")
    lines.insert(imports, "import numpy as np")
    path.write_text("\n".join(lines))


def test_training_on_a_folder_of_texts(tmp_path):
    """The copied recipe learns the texts, and the saved model classifies strings, also empty ones."""
    generator = np.random.default_rng(0)
    for label, words in (("positive", ["good", "lovely", "fine"]), ("negative", ["bad", "ugly", "poor"])):
        (tmp_path / "texts" / label).mkdir(parents=True)
        for number in range(60):
            text = " ".join([*generator.choice(["it", "is", "a", "dress"], 5), generator.choice(words)])
            (tmp_path / "texts" / label / f"{number}.txt").write_text(text)
    copy("sentiment/reviews", tmp_path / "texts.py", "load_reviews", LOAD_TEXTS)
    flags = {"words": 50, "units": 4, "embedding": 8, "epochs": 25, "batch_size": 8, "learning_rate": 0.01}
    arguments = [argument for name, value in flags.items() for argument in (f"--{name}", str(value))]
    launch(RunRequest(str(tmp_path / "texts.py"), arguments, out=tmp_path / "run"))
    assert json.loads((tmp_path / "run/metrics.json").read_text())["test"]["accuracy"] == 1
    register()
    model = keras.saving.load_model(tmp_path / "run/model.keras")
    found = model.predict(tf.constant(["What a LOVELY dress!", "ugly; poor.", "", "unknown words"]), verbose=0)[:, 0]
    assert found[0] > 0.5 > found[1]
    assert np.isfinite(found).all()


@pytest.mark.slow  # the same promise as for texts, for another starting point
def test_training_on_a_file_of_a_series(tmp_path):
    days = np.arange(700)
    values = 20 + 5 * np.sin(2 * np.pi * days / 30) + np.random.default_rng(0).normal(0, 0.1, len(days))
    rows = [f"{day},{value:.4f}" for day, value in zip(days, values, strict=True)]
    (tmp_path / "series.csv").write_text("\n".join(["day,temperature", *rows]))
    copy("timeseries/one_step", tmp_path / "own_series.py", "build_data", LOAD_SERIES)
    launch(RunRequest(str(tmp_path / "own_series.py"), ["--epochs", "20"], out=tmp_path / "run"))
    scores = json.loads((tmp_path / "run/metrics.json").read_text())["validation"]
    assert scores["last_step_error"] < 0.01
