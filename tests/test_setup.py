"""Tests of tools/setup.sh: one-line errors on machines without a prerequisite, and environments that exist already.

The machines are simulated by a PATH with a few tools and a shell script as Python.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_UV = """[ "$2" = pip ] && exit 1
[ "$2" = venv ] && { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }
exit 0"""
SLEEP = shutil.which("sleep")
# A clock by which 22 seconds pass at once when the installation of uv begins. It ends after them.
CLOCK = f"""[ -e begun ] || exec {SLEEP} 1
echo >> begun
passed=0
while read -r _; do passed=$((passed + 1)); done < begun
[ $passed -lt 22 ] || {{ echo > end; exec {SLEEP} 1; }}"""
LONG = f"""[ "$2" = pip ] && {{ : > begun; tries=600; }}
while [ ${{tries:=0}} -gt 0 ] && [ ! -e end ]; do tries=$((tries - 1)); {SLEEP} 0.1; done"""


@pytest.fixture
def set_up(tmp_path):
    """Function that runs setup.sh in a copy of the tree, with the given scripts as `python3`, `c++` and `sleep`."""

    def call(python3=None, compiler="exit 0", sleep=f"exec {SLEEP} 0.1", **variables):
        tools = tmp_path / "bin"
        tools.mkdir()
        for name in ("sh", "dirname", "awk", "mkdir", "cp"):
            (tools / name).symlink_to(shutil.which(name))
        for name, script in (("python3", python3), ("c++", compiler), ("sleep", sleep)):
            if script is not None:
                (tools / name).write_text(f"#!/bin/sh\n{script}\n")
                (tools / name).chmod(0o755)
        (tmp_path / "tree/tools").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tools/setup.sh", tmp_path / "tree/tools")
        shutil.copy(ROOT / "requirements.lock", tmp_path / "tree")
        return subprocess.run(
            [tools / "sh", "tools/setup.sh"],
            cwd=tmp_path / "tree",
            env={"PATH": str(tools), **variables},
            capture_output=True,
            text=True,
        )

    return call


def python(version):
    """Returns a script that prints a version, and accepts all other calls."""
    return f'case "$2" in *print*) echo {version};; esac'


@pytest.fixture
def environment(tmp_path):
    """Existing .venv with Python 3.13 and a package of the user. Its uv writes its arguments to the file `calls`."""
    folder = tmp_path / "tree/.venv"
    for name, script in (("python", python("3.13")), ("uv", 'echo "$@" >> calls')):
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / "mlflow").mkdir()
    return folder


def test_existing_environment_is_kept(set_up, environment):
    """Without PYTHON, python3 may have another version. Packages that are not in the lock are not removed."""
    result = set_up(python("3.11"))
    assert (result.returncode, result.stderr) == (0, "")
    assert "creating .venv" not in result.stdout
    assert (environment / "mlflow").is_dir()
    locked, *_ = (environment.parent / "calls").read_text().splitlines()
    assert locked.startswith("pip install ")


def test_another_version_does_not_replace_the_environment(set_up, environment):
    result = set_up(python("3.11"), PYTHON="python3")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("setup: .venv has Python 3.13, but python3 is Python 3.11. Omit PYTHON to keep .venv")
    assert (environment / "mlflow").is_dir()


def test_environment_without_interpreter(set_up, environment):
    (environment / "bin/python").unlink()
    (environment / "bin/python").symlink_to("removed")
    result = set_up(python("3.11"))
    assert result.stderr == "setup: the Python that .venv uses was removed. Run: make clean setup\n"
    assert (environment / "mlflow").is_dir()


@pytest.mark.parametrize(
    ("python3", "message", "remedy"),
    [
        (None, "python3 not found", "apt install python3"),
        ('case "$2" in *version_info*) exit 1;; esac', "python3 is not Python 3.11 to 3.13", "PYTHON=python3.13"),
        ('case "$2" in *venv*) exit 1;; esac', "python3 has no venv module", "apt install python3-venv"),
        (NO_UV, "uv could not be installed", "Check the network"),
    ],
    ids=["no Python", "another Python", "no venv", "no network"],
)
def test_missing_prerequisite(set_up, python3, message, remedy):
    result = set_up(python3)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"setup: {message}")
    assert remedy in line.partition(". ")[2]
    assert result.returncode == 1


def test_progress_at_least_every_15_seconds(set_up):
    """Each step is announced, and repeated while it runs. Here, the installation of uv takes 22 seconds and fails."""
    result = set_up(f"{LONG}\n{NO_UV}", sleep=CLOCK)
    assert result.stdout.splitlines() == [
        "setup: creating .venv",
        "setup: installing uv",
        "setup: installing uv (10 seconds)",
        "setup: installing uv (20 seconds)",
    ]
    assert result.returncode == 1


def test_missing_compiler_is_a_warning(set_up):
    result = set_up(NO_UV, compiler=None)
    line, *_ = result.stderr.splitlines()
    assert line.startswith("setup: no C++ compiler")
    assert "Run: apt install g++" in line
