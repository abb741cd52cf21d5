"""Tests of atomic file replacement."""

import errno
import os
import stat

import pytest

from tensorsmith.core import replace_file


def write_half(target):
    with replace_file(target) as draft:
        draft.write_text("half")
        raise RuntimeError


def test_failure_preserves_old_file(tmp_path):
    target = tmp_path / "numbers.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError):
        write_half(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_draft_has_target_suffix(tmp_path):
    with replace_file(tmp_path / "model.keras") as draft:
        assert draft.suffix == ".keras"
        assert draft.parent == tmp_path


def test_file_mode_follows_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "file") as draft:
            draft.write_text("")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_disk_full_error_names_file(tmp_path):
    target = tmp_path / "numbers.txt"
    with pytest.raises(OSError, match="No space left") as caught, replace_file(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(target)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "nowhere" / "file"):
        pass
