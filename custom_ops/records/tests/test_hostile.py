"""Test of 50,000 damaged records with AddressSanitizer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUILD = "from pathlib import Path; from build_library import build_records; build_records(Path({!r}), sanitize=True)"


def runtime(name):
    """Returns the path of a runtime library of the compiler."""
    compiler = os.environ.get("CXX", "c++")
    said = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
    return said.strip()


@pytest.mark.slow
def test_damaged_records(tmp_path):
    library = tmp_path / "libtensorsmith_records.so"
    subprocess.run([sys.executable, "-c", BUILD.format(str(library))], cwd=HERE.parents[1], check=True)
    environment = {
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1",
        "TENSORSMITH_RECORDS_LIBRARY": str(library),
    }
    command = [sys.executable, str(HERE / "fuzz.py"), "20000", "1"]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr[-3000:]
    taken, refused, compared = map(int, result.stdout.split())
    assert taken + refused == 20_000
    assert compared > 1000
