"""Tests of README files: their Python code runs, and their commands and public names exist."""

import doctest
import importlib
import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKETCHES = {"testing"}  # its code uses components of the reader
LONG = {"data", "models", "tuning"}  # their code takes seconds
OWN_PROCESS = {"addons"}  # importing it modifies tf.keras; the tests of the package run its README
READMES = [
    path
    for path in (
        ROOT / "README.md",
        ROOT / "tools/README.md",
        ROOT / "benchmarks/README.md",
        *sorted(ROOT.glob("custom_ops/*/README.md")),
        *sorted(ROOT.glob("packages/*/README.md")),
    )
    if "```python" in path.read_text() and path.parent.name not in SKETCHES | OWN_PROCESS
]
speed_figure = runpy.run_path(str(ROOT / "tools/speed_figure.py"))
public_names = runpy.run_path(str(ROOT / "tools/public_names.py"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.usefixtures("without_source")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.parent.name, marks=[pytest.mark.slow] if path.parent.name in LONG else [])
        for path in READMES
    ],
)
def test_python_runs(path, tmp_path, monkeypatch):
    """Blocks with prompts run as doctests and others as programs. The blocks of a file have a common namespace."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": path.parent.name}
    said = []
    for block in re.finditer(r"^```python\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE):
        text, line = block[1], path.read_text()[: block.start(1)].count("\n")
        if not re.search("^>>> ", text, re.MULTILINE):
            exec(compile("\n" * line + text, str(path), "exec"), names)  # noqa: S102
            continue
        example = doctest.DocTestParser().get_doctest(text, names, path.parent.name, str(path), line)
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        runner.run(example, out=said.append, clear_globs=False)
        names = example.globs
    assert not said, "".join(said)


def test_make_targets_exist():
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
    called = re.findall(r"^make ([a-z-]+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert set(called) <= named


@pytest.mark.parametrize(("name", "path"), public_names["readmes"]().items(), ids=public_names["readmes"]())
def test_public_names_table_is_current(name, path):
    current = public_names["with_table"](path.read_text(), importlib.import_module(f"tensorsmith.{name}"))
    current = public_names["with_run_settings"](current) if name == "recipes" else current
    assert path.read_text() == current, "call `python tools/public_names.py`"


def test_speed_figure_is_current(tmp_path):
    speed_figure["draw"](speed_figure["RESULTS"], tmp_path / "figure.svg")
    message = "call `python tools/speed_figure.py`"
    assert speed_figure["FIGURE"].read_bytes() == (tmp_path / "figure.svg").read_bytes(), message


def test_speed_table_matches_stored_results():
    rows = {(row["case"], row["provider"]): row["median"] for row in json.loads(speed_figure["RESULTS"].read_text())}
    text = (ROOT / "packages/training/README.md").read_text()
    for case in speed_figure["MODELS"]:
        row = re.search(f"^. `{case}`: .*", text, re.MULTILINE).group()
        medians = [f"{rows[case, provider]:,.0f}" for provider in ("tensorsmith", "keras", "keras_spe50", "torch")]
        assert [cell.strip() for cell in row.split("|")[2:-1]] == medians
