"""Tests of reading a mapped file that is truncated after it was opened, which raises a bus error."""

import ctypes
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

from tensorsmith.records.library import PATH

PROGRAM = """
import faulthandler, signal, sys
sys.path.insert(0, {here!r})
from test_file import opened
{before}
file, read = opened(sys.argv[1], 100_000)
assert read(0, 100_000) == bytes(100_000)
with open(sys.argv[1], "r+b") as other:
    other.truncate(10_000)
assert read(5000, 100) == bytes(100)
for _ in range(3):
    assert read(50_000, 100) is None
    assert read(0, 100_000) is None
with open(sys.argv[1], "r+b") as other:
    other.truncate(100_000)
assert read(50_000, 100) == bytes(100)
print("alive")
"""


def opened(path, size):
    """Opens a file with the library. Returns it with a function that reads a range of bytes, or `None` past its end."""
    library = ctypes.CDLL(os.environ.get("TENSORSMITH_RECORDS_LIBRARY") or str(PATH))
    number, address = ctypes.c_int64, ctypes.c_void_p
    library.tensorsmith_open_file.restype = address
    library.tensorsmith_open_file.argtypes = [ctypes.c_char_p, number, address]
    library.tensorsmith_read_file.restype = number
    library.tensorsmith_read_file.argtypes = [address, number, number, address]
    memory, error = np.empty(size, "uint8"), number()
    file = library.tensorsmith_open_file(os.fsencode(path), len(os.fsencode(path)), ctypes.byref(error))
    assert file, os.strerror(error.value)

    def read(begin, length):
        done = library.tensorsmith_read_file(file, begin, length, memory.ctypes.data)
        return memory[:length].tobytes() if done else None

    return file, read


def run(tmp_path, before):
    (tmp_path / "x").write_bytes(bytes(100_000))
    program = textwrap.dedent(PROGRAM).format(here=str(Path(__file__).parent), before=before)
    command = [sys.executable, "-c", program, str(tmp_path / "x")]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_truncated_after_open(tmp_path):
    result = run(tmp_path, "")
    assert (result.returncode, result.stdout) == (0, "alive\n"), result.stderr


def test_other_signal_handlers(tmp_path):
    """Other bus errors are still handled by faulthandler, which ends the process."""
    assert run(tmp_path, "faulthandler.enable()").stdout == "alive\n"
    result = run(tmp_path, "signal.raise_signal(signal.SIGBUS)")
    assert result.returncode in (-7, 1)  # killed by the signal, or ended by the handler of AddressSanitizer
    assert result.stdout == ""


def test_read_past_end(tmp_path):
    (tmp_path / "x").write_bytes(bytes(range(100)))
    _, read = opened(tmp_path / "x", 200)
    assert read(90, 10) == bytes(range(90, 100))
    assert read(100, 0) == b""
    for begin, size in ((90, 11), (-1, 1), (101, 0), (2**62, 2**62), (0, -1)):
        assert read(begin, size) is None
