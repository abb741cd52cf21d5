"""Tests of the selection of tests by `make test-changed`."""

import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
changed = SimpleNamespace(**runpy.run_path(str(ROOT / "tools/changed_projects.py")))
ABOVE_SCHEDULES = {"packages/schedules", "packages/recipes", "tools", "benchmarks", "recipes", "tests"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["packages/schedules/src/tensorsmith/schedules/power.py"], ABOVE_SCHEDULES),
        (["packages/schedules/tests/test_power.py"], {"packages/schedules"}),
        (["packages/schedules/README.md", "packages/losses/tests/x.py"], {"packages/schedules", "packages/losses"}),
        (["recipes/mlp/digits.py"], {"recipes", "tests"}),
        (["CHANGELOG.md"], set()),
        ([], set()),
    ],
)
def test_affected(files, expected):
    assert changed.affected(files, changed.projects()) == expected


@pytest.mark.parametrize(
    "file", ["conftest.py", "packages/core/src/tensorsmith/core/errors.py", "custom_ops/build_library.py"]
)
def test_everything_is_affected(file):
    everything = {*changed.projects(), "recipes", "tests"}
    assert changed.affected([file], changed.projects()) == everything


def test_changed_files(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments], cwd=tmp_path, check=True)

    git("init", "--quiet")
    for name in ("edited", "same", "removed", "old name"):
        (tmp_path / name).write_text(name)
    git("add", ".")
    git("commit", "--quiet", "--message", "x")
    (tmp_path / "edited").write_text("changed")
    (tmp_path / "removed").unlink()
    git("mv", "old name", "new name")
    (tmp_path / "added").mkdir()
    (tmp_path / "added/é").write_text("")
    assert sorted(changed.changed_files(tmp_path)) == ["added/é", "edited", "new name", "old name", "removed"]
