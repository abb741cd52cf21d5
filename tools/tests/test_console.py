"""Tests of lists in a terminal of 80 columns, and that nothing is truncated in a pipe."""

import os
import pty
import re
import subprocess
import sys

import pytest

from tensorsmith.data import info, names
from tensorsmith.recipes import all_recipes, read_results


def in_terminal(*arguments, cwd=None):
    """Runs the command in a pseudo-terminal of 80 columns and returns its lines without escape sequences."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorsmith.tools", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    )
    os.close(child)
    text = b""
    while True:
        try:
            part = os.read(parent, 1 << 16)
        except OSError:  # all writers have closed the terminal
            break
        if not part:
            break
        text += part
    os.close(parent)
    assert process.wait() == 0, text.decode()
    return re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", text.decode()).splitlines()


def test_one_line_per_data_set():
    lines = in_terminal("data", "list")
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(names()) + 4  # a heading, and a line above, below and at the end
    for name in names():
        assert sum(f" {name} " in line for line in lines) == 1


def test_two_lines_per_recipe():
    """In 80 columns, the first line has the score with its metric, and the second one most of the description."""
    lines = in_terminal("recipes")
    assert max(map(len, lines)) <= 80
    headings = [lines.index(line) for line in lines if line.endswith(":")]
    points, others = lines[headings[0] + 1 : headings[1]], lines[headings[1] + 1 :]
    recipes = sorted(all_recipes(), key=lambda recipe: not recipe.is_starting_point)
    rows = [line for line in points if line] + others
    assert len([line for line in points if line]) == 2 * sum(recipe.is_starting_point for recipe in recipes)
    for recipe, first, second in zip(recipes, rows[::2], rows[1::2], strict=True):
        score = re.escape(read_results(recipe).score(recipe).partition(" (")[0])
        assert re.fullmatch(rf"{recipe.name} +{score} +[\d.]+ s", first)
        assert second.strip().rstrip("…") in recipe.shows
        assert len(second.strip()) >= min(len(recipe.shows), 75)


@pytest.mark.slow  # trains in another process
def test_lines_of_a_run_in_80_columns(command, tmp_path):
    """No line is broken, and a log line during training does not begin within the progress bar."""
    flags = ("--jit", "false", "--out", "run")
    command("run", "mlp/digits", "--epochs", "2", *flags, cwd=tmp_path)
    lines = in_terminal("run", "mlp/digits", "--epochs", "3", *flags, "--resume", cwd=tmp_path)
    lines = [part.rstrip() for line in lines for part in line.split("\r")]
    assert [line for line in lines if "Resuming" in line] == ["Resuming run at epoch 3 of 3."]
    (line,) = (line for line in lines if re.fullmatch(r"epoch 3/3  accuracy .* s", line))
    assert len(line) <= 80


def test_full_text_in_a_pipe(command):
    listed = command("recipes").stdout.splitlines()
    for recipe in all_recipes():
        score = read_results(recipe).score(recipe).partition(" (")[0]
        assert any(recipe.shows in line and score in line for line in listed)
    listed = command("data", "list").stdout.splitlines()
    for name in names():
        assert any(f" {name} " in line and info(name).title in line for line in listed)


def test_version(command):
    assert re.fullmatch(r"tensorsmith \d+\.\d+\.\d+\n", command("--version").stdout)
