"""Tests of `tensorsmith migrate`: output, exit codes and imports."""

import subprocess
import sys

SCRIPT = "import tensorflow_addons as tfa\n\nlayer = tfa.layers.Maxout(4)\n"
AFTER = "import tensorsmith.layers\n\nlayer = tensorsmith.layers.Maxout(4)\n"


def test_prints_a_diff_or_writes(command, tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT)
    shown = command("migrate", ".", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "main.py: 1 rewritten, 0 unchanged with a comment\n")
    assert "+layer = tensorsmith.layers.Maxout(4)\n" in shown.stdout
    assert (tmp_path / "main.py").read_text() == SCRIPT
    written = command("migrate", ".", "--write", cwd=tmp_path)
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "main.py").read_text() == AFTER


def test_exit_codes(command, tmp_path):
    (tmp_path / "main.py").write_text("import tensorflow_addons\nprint 3\n")
    unreadable = command("migrate", tmp_path)
    assert unreadable.returncode == 1
    assert unreadable.stderr.startswith(f"{tmp_path / 'main.py'}:2: ")
    absent = command("migrate", tmp_path / "nowhere")
    assert absent.returncode == 2
    (line,) = absent.stderr.splitlines()
    assert "paths must" in line


def test_imports_are_lazy(tmp_path):
    code = """
import sys
from tensorsmith.tools.main import main
for arguments in (["--help"], ["migrate", "."]):
    try:
        main(arguments)
    except SystemExit:
        pass
    print("libcst" in sys.modules, "tensorflow" in sys.modules, file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.stderr.splitlines() == ["False False", "True False"]
