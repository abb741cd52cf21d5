"""Tests of progress on a terminal, in logs, and outside of the context."""

import logging
import os
import pty
import subprocess
import sys

from tensorsmith.core import SILENT, Progress

LOGGING = "import logging; logging.basicConfig(format='%(message)s', level='INFO')"
PROGRAM = """
from tensorsmith.core import Progress
with Progress() as progress:
    first = progress.start("fetching letters from one place", 2_000_000)
    first.advance(10)
    first.close()
    second = progress.start("fetching letters from another place", 2_000_000)
    second.set_completed(500_000)
    second.advance(1_500_000)
    steps = progress.start("epoch 1/3", 40, "steps")
    steps.advance(10)
    steps.describe("epoch 2/3")
    rows = progress.start("reading", unit="rows")
    rows.advance(1234)
    print("a line meanwhile")
    progress.print("a line above")
"""


def on_a_terminal(program, columns=160, kind="xterm"):
    reader, terminal = pty.openpty()
    environment = {**os.environ, "TERM": kind, "COLUMNS": str(columns)}
    subprocess.run([sys.executable, "-c", program], stderr=terminal, check=True, env=environment)
    os.close(terminal)
    shown = os.read(reader, 1 << 16).decode()
    os.close(reader)
    return shown


def test_bars_on_a_terminal():
    shown = on_a_terminal(PROGRAM)
    for part in ("fetching letters from another place", "2.0 MB of 2.0 MB", "epoch 2/3", "10/40", "1,234 rows"):
        assert part in shown
    assert "a line above" in shown


def test_lines_on_a_dumb_terminal():
    """Tests that a terminal that cannot redraw a line receives whole lines, as without a terminal."""
    shown = on_a_terminal(LOGGING + PROGRAM, kind="dumb")
    expected = ["fetching letters from one place (2.0 MB)", "fetching letters from another place (2.0 MB)"]
    assert shown.splitlines() == [*expected, "epoch 1/3 (40 steps)", "reading", "a line above"]


def test_long_descriptions_are_cut():
    assert "reading lett..." not in on_a_terminal(PROGRAM)
    assert "fetching letters ..." in on_a_terminal(PROGRAM, columns=80)


def test_logging_without_terminal(caplog, capfd):
    caplog.set_level(logging.INFO)
    with Progress("tensorsmith.data") as progress:
        progress.start("fetching letters", 2_000_000).advance(10)
        progress.start("adapting", 7, "batches").advance()
        progress.start("reading", unit="rows").advance(3)
        progress.print("done")
    messages = ["fetching letters (2.0 MB)", "adapting (7 batches)", "reading", "done"]
    assert [record.getMessage() for record in caplog.records] == messages
    assert {record.name for record in caplog.records} == {"tensorsmith.data"}
    assert capfd.readouterr() == ("", "")


def test_silent_outside_context(caplog, capfd):
    caplog.set_level(logging.INFO)
    task = SILENT.start("reading", 10)
    task.advance(10)
    task.close()
    SILENT.print("done")
    assert list(SILENT.track("abc", "letters")) == ["a", "b", "c"]
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
