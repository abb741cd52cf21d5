"""Tests of `tensorsmith migrate`: output, exit codes and imports."""

import contextlib
import io
import os
import subprocess
import sys

from tensorsmith.tools.main import main

SCRIPT = "import tensorflow_addons as tfa\n\nlayer = tfa.layers.Maxout(4)\n"
AFTER = "import tensorsmith.layers\n\nlayer = tensorsmith.layers.Maxout(4)\n"


def test_prints_a_diff_or_writes(command, tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT)
    shown = command("migrate", ".", cwd=tmp_path)
    status = "main.py: complete: 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects\n"
    assert (shown.returncode, shown.stderr) == (0, status)
    assert "+layer = tensorsmith.layers.Maxout(4)\n" in shown.stdout
    assert (tmp_path / "main.py").read_text() == SCRIPT
    written = command("migrate", ".", "--write", cwd=tmp_path)
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "main.py").read_text() == AFTER


def test_totals(command, tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT)
    (tmp_path / "other.py").write_text("print(1)\n")
    rest = "tf.keras.layers.LSTM(3, dynamic=True)\ntfa.options.f()\ny = tfa.layers.Maxout(4)\n"
    (tmp_path / "part.py").write_text(f"import tensorflow as tf\nimport tensorflow_addons as tfa\n{rest}")
    (tmp_path / "text.ipynb").write_text("{")
    shown = command("migrate", ".", cwd=tmp_path)
    assert shown.returncode == 1
    assert shown.stderr.splitlines() == [
        "main.py: complete: 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects",
        "part.py: incomplete: 1 rewritten, 1 unchanged with a comment, 1 use that Keras 3 rejects",
        "text.ipynb: not a notebook: JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
        "4 files (1 complete, 1 incomplete, 1 unreadable, 1 with nothing to migrate): "
        "2 rewritten, 1 unchanged with a comment, 1 use that Keras 3 rejects",
    ]
    assert command("migrate", "other.py", cwd=tmp_path).stderr == "other.py: nothing to migrate\n"


def test_exit_codes(command, tmp_path):
    (tmp_path / "main.py").write_text("import tensorflow_addons\nprint 3\n")
    unreadable = command("migrate", tmp_path)
    assert unreadable.returncode == 1
    assert unreadable.stderr.startswith(f"{tmp_path / 'main.py'}:2: ")
    absent = command("migrate", tmp_path / "nowhere")
    assert absent.returncode == 2
    (line,) = absent.stderr.splitlines()
    assert "paths must" in line


def test_unreadable_files(command, tmp_path):
    """They are reported with readable reasons, and the other files are migrated."""
    (tmp_path / "alpha.py").write_text("import tensorflow_addons as tfa\n\nprint 'a'\n")
    (tmp_path / "beta.py").symlink_to("nowhere.py")
    os.mkfifo(tmp_path / "gamma.py")
    (tmp_path / "main.py").write_text(SCRIPT)
    written = command("migrate", ".", "--write", cwd=tmp_path)
    assert written.returncode == 1
    assert written.stderr.splitlines() == [
        "alpha.py:3: not valid Python 3: Missing parentheses in call to 'print'. Did you mean print(...)?",
        "beta.py: symbolic link to a file that does not exist",
        "gamma.py: not a file",
        "main.py: complete: 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects",
        "4 files (1 complete, 3 unreadable): 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects",
    ]
    assert (tmp_path / "main.py").read_text() == AFTER


def test_files_that_are_not_written(command, tmp_path):
    """Links that lead out are no failure, in contrast to hard links."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "other.py").write_text(SCRIPT)
    (tmp_path / "tree/link.py").symlink_to("../other.py")
    (tmp_path / "tree/main.py").write_text(SCRIPT)
    written = command("migrate", "tree", "--write", cwd=tmp_path)
    assert written.returncode == 0
    assert written.stderr.splitlines() == [
        "tree/link.py: symbolic link that leads out of the given paths, not followed without --follow-links",
        "tree/main.py: complete: 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects",
        "2 files (1 complete, 1 skipped): 1 rewritten, 0 unchanged with a comment, 0 uses that Keras 3 rejects",
    ]
    assert (tmp_path / "other.py").read_text() == SCRIPT

    (tmp_path / "name.py").hardlink_to(tmp_path / "other.py")
    refused = command("migrate", "tree", "--write", "--follow-links", cwd=tmp_path)
    assert refused.returncode == 1
    first, last = refused.stderr.splitlines()
    assert first.startswith("tree/link.py: has 2 hard links")
    assert last.startswith("2 files (1 not written, 1 with nothing to migrate): 0 rewritten")
    assert (tmp_path / "name.py").read_text() == SCRIPT
    (tmp_path / "name.py").unlink()
    assert command("migrate", "tree", "--write", "--follow-links", cwd=tmp_path).returncode == 0
    assert (tmp_path / "other.py").read_text() == AFTER


def test_control_characters(command, tmp_path):
    """They are escaped on a terminal, and unchanged in a diff for other programs."""
    (tmp_path / "a\x1b[31m.py").write_text(f"# \x1b]0;title\x07\n{SCRIPT}")
    shown = command("migrate", ".", cwd=tmp_path)
    assert "# \x1b]0;title\x07\n" in shown.stdout
    assert "\x1b" not in shown.stderr

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(Terminal()) as terminal:
        assert main(["migrate", "."]) == 0
    assert "\x1b" not in terminal.getvalue()
    assert r" # \x1b]0;title\x07" in terminal.getvalue().splitlines()
    assert "+layer = tensorsmith.layers.Maxout(4)" in terminal.getvalue().splitlines()


def test_modules_that_import_from_each_other(command, tmp_path):
    (tmp_path / "chatbot.py").write_text(SCRIPT)
    (tmp_path / "reply.py").write_text("from chatbot import *\n\nother = tfa.layers.Maxout(3)\n")
    assert command("migrate", ".", "--write", cwd=tmp_path).returncode == 0
    assert (tmp_path / "chatbot.py").read_text() == AFTER
    assert (tmp_path / "reply.py").read_text() == (
        "from chatbot import *\nimport tensorsmith.layers\n\nother = tensorsmith.layers.Maxout(3)\n"
    )
    alone = tmp_path / "alone.py"
    alone.write_text("from elsewhere import tfa\n\nother = tfa.layers.Maxout(3)\n")
    status = "incomplete: 0 rewritten, 1 unchanged with a comment, 0 uses that Keras 3 rejects\n"
    assert command("migrate", "alone.py", cwd=tmp_path).stderr == f"alone.py: {status}"


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
    assert [line for line in result.stderr.splitlines() if "files" not in line] == ["False False", "True False"]
