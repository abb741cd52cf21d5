"""Tests of `tensorsmith run NAME --find-lr`."""

import re

import pytest


def test_suggestion_and_plot(command, tmp_path):
    result = command("run", "mlp/digits", "--find-lr", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    rate = float(re.match(r"Suggested learning rate: (\S+), ", result.stdout)[1])
    assert 1e-3 < rate < 1.0  # the learning rate of the recipe is 0.1
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["learning_rates.png"]


@pytest.mark.slow  # takes seconds
def test_recipe_with_two_optimizers(command, tmp_path):
    result = command("run", "gan/dense", "--smoke", "--find-lr", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "trainer must have a loss in its logs" in result.stderr
    assert not (tmp_path / "run").exists()


def test_find_lr_with_resume(command):
    result = command("run", "mlp/digits", "--find-lr", "--resume")
    assert result.returncode == 2
    assert "used without --resume or --profile" in result.stderr
