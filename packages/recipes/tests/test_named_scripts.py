"""Tests that Python files, which a configuration names, are executed only if they belong to the user."""

from pathlib import Path

import pytest

from tensorsmith.recipes import find_recipe
from tensorsmith.recipes.trust import check_code_fields
from tensorsmith.testing import raises_argument_error
from tensorsmith.tools.main import main

SCRIPT = "import pathlib\npathlib.Path('executed').touch()\nINFO = None\n"


@pytest.fixture
def received(tmp_path, monkeypatch):
    """Run folder below the current folder, whose configuration names a Python file in it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "received"
    folder.mkdir()
    (folder / "set.py").write_text(SCRIPT)
    (folder / "model.keras").touch()
    (folder / "config.yaml").write_text("recipe: mlp/digits\ndata: received/set.py\n")
    (folder / "other.yaml").write_text("recipe: mlp/digits\ndata: received/set.py\n")
    (folder / "space.yaml").write_text("data: {choice: [digits, received/set.py]}\n")
    (folder / "search.yaml").write_text("recipe: mlp/digits\nconfig: {data: received/set.py}\n")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "validate received/config.yaml",
        "validate received/other.yaml",
        "evaluate received",
        "predict received --input x.npy",
        "run mlp/digits --config received/other.yaml --out new",
        "run mlp/digits --out received --resume",
        "tune mlp/digits --config received/other.yaml --out new",
        "tune mlp/digits --space received/space.yaml --out new",
        "tune mlp/digits --out received --resume",
        "compare mlp/fashion_mnist --config received/other.yaml --out new",
    ],
)
def test_received_scripts_are_not_executed(command, received, capsys):
    assert main(command.split()) == 2
    assert "set.py, which would be executed" in capsys.readouterr().err
    assert not Path("executed").exists()


def test_own_scripts(received):
    recipe = find_recipe("mlp/digits").declaration
    (received.parent / "mine.py").write_text(SCRIPT)
    for source in (received / "config.yaml", received.parent / "mine.yaml"):
        check_code_fields(recipe, {"data": "mine.py"}, source)
    for path in ("received/set.py", "received/../received/set.py", "/elsewhere/set.py", "received/set\0.py"):
        with raises_argument_error("data", remedy="--trust"):
            check_code_fields(recipe, {"data": path}, received / "config.yaml")
    (received / "config.yaml").rename(received.parent / "config.yaml")  # the current folder is a run folder
    with raises_argument_error("data"):
        check_code_fields(recipe, {"data": "mine.py"}, received.parent / "config.yaml")


def test_large_scripts_are_not_read(received, capsys):
    """The path of a recipe is checked before the file is read, and no recipe has more than a megabyte."""
    with (received / "big.py").open("wb") as file:
        file.truncate(1 << 40)
    (received / "config.yaml").write_text("recipe: received/big.py\n")
    for command in ("evaluate received", "validate received/config.yaml"):
        assert main(command.split()) == 2
        assert "big.py, which would be executed" in capsys.readouterr().err
    assert main(["run", "received/big.py"]) == 1
    assert "a regular file of at most 1,000,000 bytes" in capsys.readouterr().err
