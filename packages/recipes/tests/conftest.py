"""A recipe and a finished run of it, to be damaged or handed to others."""

import contextlib
import shutil

import pytest

from tensorsmith.recipes import RunRequest, launch

RECIPE = '''
"""Regression that notes when it is executed."""

import pathlib
from dataclasses import dataclass

pathlib.Path("executed").touch()

@dataclass(frozen=True)
class Config:
    epochs: int = 1  # passes over the examples
    batch_size: int = 8  # examples per step
    seed: int = 0  # of the weights


def build_data(config):
    import numpy as np

    return {"train": (np.ones((8, 2), "float32"), np.ones((8, 1), "float32"))}


def build_trainer(config):
    import keras
    from tensorsmith.training import Trainer

    return Trainer(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "sgd", "mse", jit=False)
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder with a recipe and a finished run of it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mine.py").write_text(RECIPE)
    with contextlib.chdir(folder):
        launch(RunRequest("mine.py", out=folder / "run"))
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """Working folder with a copy of the recipe and the run."""
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    config = tmp_path / "work/run/config.yaml"
    config.write_text(config.read_text().replace(str(finished), str(tmp_path / "work")))
    (tmp_path / "work/executed").unlink()
    return tmp_path / "work"


@pytest.fixture(scope="module", autouse=True)
def figures_of_runs(draft_figures):
    """Runs draw their learning curves quickly."""
