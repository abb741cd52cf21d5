"""Test of the tutorial in the README: its four files are built, tested and benchmarked."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Copies the Python code of ops and benchmarks, adds the files of the README, and builds a library."""
    folder = tmp_path_factory.mktemp("tutorial")
    package = folder / "src/tensorsmith/ops"
    shutil.copytree(OPS / "src/tensorsmith/ops", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    benchmarks = "benchmarks/src/tensorsmith/benchmarks"
    shutil.copytree(OPS.parents[1] / benchmarks, folder / benchmarks, ignore=shutil.ignore_patterns("__pycache__"))
    section = (OPS / "README.md").read_text().partition("## Adding a kernel")[2]
    files = list(
        re.finditer(r"^The file `(?P<file>\S+)`.*?^```\w+\n(?P<text>.*?)^```", section, re.DOTALL | re.MULTILINE)
    )
    assert len(files) == 4
    for match in files:
        path = folder / match["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(match["text"])
    (line,) = re.findall(r"add `(from\s[^`]*)`", section)
    with (package / "__init__.py").open("a") as file:
        file.write(f"{' '.join(line.split())}\n")
    shutil.copy(OPS / "tests/conftest.py", folder / "tests")
    build = "from pathlib import Path; from build_library import build_ops; build_ops(Path({!r}), [Path({!r})])"
    kernel = "src/kernels/squareplus.cc"
    run(folder, "-c", build.format("src/tensorsmith/ops/libtensorsmith_ops.so", kernel), PYTHONPATH=str(OPS.parent))
    return folder


def run(folder, *arguments, PYTHONPATH="src"):
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_tutorial_tests_pass(tutorial):
    said = run(tutorial, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert re.search(r"^8 passed", said, re.MULTILINE)


@pytest.mark.slow
def test_tutorial_benchmark_runs(tutorial):
    code = """
from tensorsmith.benchmarks.ops import CASES
case = CASES["squareplus"]
print(*[case.work(name)()[0].shape for name in case.providers])
"""
    assert run(tutorial, "-c", code, PYTHONPATH="src:benchmarks/src").count("(1000, 1000)") == 3
