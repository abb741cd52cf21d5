"""Names and values of files cannot control the terminal: the command prints escape sequences instead."""

import json
from pathlib import Path

import numpy as np
import pytest

from tensorsmith.records import Column, write
from tensorsmith.tools.main import main

RED = "\x1b[31mred"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working folder whose files have control characters in their names and content."""
    monkeypatch.chdir(tmp_path)
    columns = {f"{RED} number": Column.of(np.arange(3)), f"{RED} word": Column.of(np.array([RED] * 3, object))}
    for name in (f"{RED}.tfrecord", "plain.tfrecord"):
        with Path(name).open("wb") as file:
            write(file, columns, 0, 3)
    damaged = bytearray(Path("plain.tfrecord").read_bytes())
    damaged[-1] ^= 1
    Path(f"{RED}-damaged.tfrecord").write_bytes(damaged)
    Path(f"{RED}.py").write_text("import tensorflow_addons as tfa\ntfa.losses.TripletSemiHardLoss()\n")
    Path("fields.yaml").write_text('recipe: mlp/digits\n"\\e[31mred": 3\nepochs: "\\e[31mred"\n')
    Path("recipe.yaml").write_text('recipe: "\\e[31mred"\n')
    Path("schema.yaml").write_text('features:\n  "\\e[31mred": {dtype: "\\e[31mred"}\n')
    Path("colors.csv").write_text(f"{RED}\n1\n")
    Path("table.csv").write_text("a,b\n1,2\n")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["tfrecord", "inspect", "plain.tfrecord"],
        ["tfrecord", "inspect", f"{RED}.tfrecord"],
        ["tfrecord", "cat", "plain.tfrecord"],
        ["tfrecord", "infer", "colors.csv"],
        ["tfrecord", "stats", "plain.tfrecord"],
        ["tfrecord", "verify", f"{RED}.tfrecord", f"{RED}-damaged.tfrecord"],
        ["tfrecord", "inspect", f"{RED}-missing.tfrecord"],
        ["tfrecord", "reshard", f"{RED}.tfrecord", "out", "--shards", "2"],
        ["tfrecord", "repair", f"{RED}-damaged.tfrecord", f"{RED}-repaired.tfrecord"],
        ["tfrecord", "convert", "table.csv", "out", "--schema", "schema.yaml"],
        ["migrate", ".", "--write"],
        ["migrate", f"{RED}-missing.py"],
        ["validate", "fields.yaml"],
        ["validate", "recipe.yaml"],
        ["run", f"{RED}.py"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_escaped_names(folder, command, capfd):
    main(command)
    captured = capfd.readouterr()
    printed = captured.out + captured.err
    assert "[31mred" in printed
    assert "".join(printed.split("\n")).replace("\t", "").isprintable()


def test_json_lines_are_printable_and_equal(folder, capfd):
    word = "\x1b \x7f \x9b \u202e \U000e0001 Größe"
    with Path("x.tfrecord").open("wb") as file:
        write(file, {"word": Column.of(np.array([word], object))}, 0, 1)
    assert main(["tfrecord", "cat", "--json", "x.tfrecord"]) == 0
    line = capfd.readouterr().out.removesuffix("\n")
    assert line.isprintable()
    assert json.loads(line) == {"word": [word]}


def test_log_lines_and_tables(capfd):
    from tensorsmith.core import Progress
    from tensorsmith.tools.console import make_console, one_line

    console = make_console()
    console.print(f"[bold]{RED}[/]", one_line(RED))
    with Progress() as progress:
        progress.print(f"server: {RED}")
    assert "\x1b[31m" not in "".join(capfd.readouterr())
