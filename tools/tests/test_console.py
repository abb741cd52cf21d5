"""Tests that tables have one line per entry in a terminal of 80 columns, and that nothing is truncated in a pipe."""

import os
import pty
import re
import subprocess
import sys

import pytest

from tensorsmith.data import info, names
from tensorsmith.recipes import all_recipes


def in_terminal(*arguments):
    """Runs the command in a pseudo-terminal of 80 columns and returns its lines without escape sequences."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorsmith.tools", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
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


@pytest.mark.parametrize(
    ("arguments", "entries"),
    [(["recipes"], [recipe.name for recipe in all_recipes()]), (["data", "list"], names())],
)
def test_one_line_per_entry(arguments, entries):
    lines = in_terminal(*arguments)
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(entries) + 4  # a heading, and a line above, below and at the end
    for name in entries:
        assert sum(f" {name} " in line for line in lines) == 1


def test_full_text_in_a_pipe(command):
    listed = command("recipes").stdout.splitlines()
    for recipe in all_recipes():
        assert any(recipe.shows in line and recipe.line("Score") in line for line in listed)
    listed = command("data", "list").stdout.splitlines()
    for name in names():
        assert any(f" {name} " in line and info(name).title in line for line in listed)


def test_version(command):
    assert re.fullmatch(r"tensorsmith \d+\.\d+\.\d+\n", command("--version").stdout)
