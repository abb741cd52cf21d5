"""Tests of recipes and data sets that are created from templates."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith.data import load

ROOT = Path(__file__).parents[2]


def run_tests(path, **arguments):
    """Calls the tests that a file defines."""
    tests = {name: value for name, value in runpy.run_path(str(path)).items() if name.startswith("test_")}
    assert tests
    for test in tests.values():
        test(**arguments)


@pytest.mark.parametrize("words", [("recipe", "mlp/mine"), ("dataset", "wine")])
def test_created_files_are_formatted(command, tmp_path, words):
    result = command("new", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for check in (["check", "--ignore", "D101,D103"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--config", ROOT / "pyproject.toml", tmp_path]
        subprocess.run(ruff, check=True)


def test_recipe(command, tmp_path, monkeypatch):
    command("new", "recipe", "mlp/mine", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    run_tests(tmp_path / "tests/mlp/test_mine.py", tmp_path=tmp_path)
    shown = command("show", tmp_path / "mlp/mine.py")
    assert "Command: tensorsmith run mlp/mine.py" in shown.stdout


@pytest.mark.slow  # four runs in another process
def test_comparison_of_new_recipe(command, tmp_path):
    command("new", "recipe", "mlp/mine", cwd=tmp_path)
    with (tmp_path / "mlp/mine.py").open("a") as file:
        file.write('\nVARIANTS = {"small": {}, "large": {"units": (128,)}}\n')
    result = command("compare", "mlp/mine.py", "--seeds", "2", "--smoke", "--out", "compared", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "| test accuracy |" in (tmp_path / "compared/comparison.md").read_text()
    assert (tmp_path / "compared/comparison.png").exists()


def test_dataset(command, tmp_path):
    command("new", "dataset", "wine", cwd=tmp_path)
    run_tests(tmp_path / "tests/test_wine.py")
    assert load(str(tmp_path / "wine.py"), "test").name == "wine"
    for words in (["info"], ["fetch"], ["preview"]):
        result = command("data", *words, tmp_path / "wine.py")
        assert result.returncode == 0, result.stderr
        assert "wine" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("recipe", "mine"), "two Python identifiers, such as mlp/mine, got 'mine'"),
        (("recipe", "mlp/my-recipe"), "two Python identifiers"),
        (("dataset", "Wine"), "a lower-case Python identifier"),
    ],
)
def test_invalid_names(command, tmp_path, words, message):
    result = command("new", *words, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept(command, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_wine.py").write_text("mine")
    assert command("new", "dataset", "wine", cwd=tmp_path).returncode == 2
    assert [path.name for path in tmp_path.rglob("*.py")] == ["test_wine.py"]


@pytest.mark.parametrize(("text", "message"), [("", "which does not define INFO"), (None, "an existing file")])
def test_invalid_data_set_files(command, tmp_path, text, message):
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    result = command("data", "info", tmp_path / "mine.py")
    assert result.returncode == 2
    assert message in result.stderr
