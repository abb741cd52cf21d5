"""Tests of search folders from others and of damaged ones: they change no files, and each ends with one clear line."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from tensorsmith.tools.main import main

RECIPE = str(Path(__file__).with_name("noisy_line.py"))


def tune(folder, *flags):
    return main(["tune", RECIPE, "--out", str(folder), *flags])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished search."""
    folder = tmp_path_factory.mktemp("tune") / "search"
    assert tune(folder, "--trials", "3", "--epochs", "1") == 0
    return folder


@pytest.mark.parametrize("name", ["best", "trial_3", "tensorboard", "worker-0.log"])
def test_links_in_search_folders(finished, tmp_path, name):
    """Otherwise, files of the user would be removed, replaced or extended."""
    folder, victim = tmp_path / "search", tmp_path / "victim"
    shutil.copytree(finished, folder)
    victim.mkdir()
    (victim / "mine.yaml").write_text("mine")
    if (folder / name).exists():
        shutil.rmtree(folder / name)
    (folder / name).symlink_to(victim)
    assert tune(folder, "--resume", "--trials", "4") == 2
    assert [path.name for path in victim.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("name", ["worker-0.log", "oracle.json", "trial_0/result.json"])
def test_hard_links_in_search_folders(finished, tmp_path, name):
    """An archive can contain a hard link to a file of the user, to which the output would be appended."""
    folder, own = tmp_path / "search", tmp_path / "own.py"
    shutil.copytree(finished, folder)
    own.write_text("mine")
    (folder / name).unlink(missing_ok=True)
    os.link(own, folder / name)
    assert tune(folder, "--resume", "--trials", "4", "--parallel", "1") == 2
    assert own.read_text() == "mine"


@pytest.mark.parametrize("name", ["oracle.json", "trial_0/trial.json", "trial_0/result.json"])
@pytest.mark.parametrize("content", ["", "null", "[]", "[" * 10_000, "{}"])
def test_damaged_search_folders(finished, tmp_path, name, content):
    shutil.copytree(finished, tmp_path / "search")
    (tmp_path / "search" / name).write_text(content)
    assert tune(tmp_path / "search", "--resume", "--trials", "4") == 1


def change(name, **values):
    """Returns a function that changes values in a JSON file of a search folder."""

    def edit(folder):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return edit


def remove_first_trial(folder):
    shutil.rmtree(folder / "trial_0")


def rename_trial(folder):
    """With this name, the comment in `best/1.yaml` would end in other lines of YAML."""
    (folder / "trial_0").rename(folder / "trial_0\nrecipe: evil.py #")


def other_space(folder):
    path = folder / "search.yaml"
    said = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**said, "space": {"seed": {"integer": [1, 9]}}}))


def huge_result(folder):
    with (folder / "trial_0/result.json").open("wb") as file:
        file.truncate(2 << 30)


@pytest.mark.parametrize(
    "edit",
    [
        remove_first_trial,
        rename_trial,
        other_space,
        huge_result,
        change("oracle.json", start_order=["1", "2"]),
        change("oracle.json", start_order=["0", "1", "2", "9"]),
        change("oracle.json", start_order=["0", "1", "2", "3/../../victim"]),
        change("oracle.json", end_order=["7"]),
        change("oracle.json", retry_queue=["x/../../victim"]),
        change("oracle.json", ongoing_trials={"worker-0": "9"}),
        change("trial_0/trial.json", trial_id="7"),
        change("trial_0/trial.json", score="x"),
        change("trial_0/trial.json", status="\x1b[31m"),
        change("trial_0/result.json", score="x"),
        change("trial_0/result.json", epoch="x"),
        change("trial_0/result.json", config=[1]),
        change("trial_0/result.json", config={}),
        change("trial_0/result.json", drawn={"x": 1}),
        change("trial_0/result.json", drawn={"learning_rate": "\x1b[31m"}),
        change("trial_0/result.json", history={"../../\x1b[31m": [1, "x"]}),
        change("trial_0/result.json", history={"loss": 3}),
        change("trial_0/result.json", error=3),
    ],
    ids=range(22),
)
def test_hostile_search_folders(finished, tmp_path, capsys, edit):
    """A search with unknown trials once ran forever."""
    shutil.copytree(finished, tmp_path / "search")
    edit(tmp_path / "search")
    assert tune(tmp_path / "search", "--resume", "--trials", "4") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "which is damaged" in line
    assert "\x1b" not in line
