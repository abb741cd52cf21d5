"""Tests of the rows that `tensorsmith bench` prints and writes for each installed provider."""

import json

import pytest

from tensorsmith.benchmarks import load_benchmark, turns

# Program of the processes that measure. It has fewer steps, because PyTorch takes long for those of the benchmark.
PROGRAM = """
import sys
from dataclasses import replace
from tensorsmith.benchmarks import loop, provider
loop.CASES["mlp_32"] = replace(loop.MLP, steps=100)
provider.serve(*sys.argv[3:])
"""


@pytest.mark.slow  # starts several processes
def test_loop_bench(command, tmp_path, monkeypatch):
    """Each installed provider has a row, in the table and in the JSON file."""
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setattr(turns, "PYTHON", [*turns.PYTHON, str(tmp_path / "program.py")])
    flags = ["--cases", "mlp_32", "--rounds", "2", "--json", tmp_path / "rows.json"]
    result = command("bench", "loop", *flags)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    here = [name for name, there in load_benchmark("loop").providers("mlp_32").items() if there]
    assert [row["provider"] for row in rows] == here
    assert all(row["unit"] == "steps/s" and 0 < row["p20"] <= row["median"] <= row["p80"] for row in rows)
    assert all(name in result.stdout for name in here)


@pytest.mark.slow  # takes seconds
def test_components_bench_end_to_end(tensorsmith):
    result = tensorsmith("bench", "components", "--cases", "kendall", "--rounds", "2")
    assert result.returncode == 0, result.stderr
    assert [name in result.stdout for name in ("tensorsmith", "scipy", "2 x")] == [True] * 3
