import os

from tensorsmith.runs import end_of_log, open_log


def test_logs_do_not_change_hard_links(tmp_path):
    (tmp_path / "own.py").write_text("mine")
    os.link(tmp_path / "own.py", tmp_path / "worker-1.log")
    for _ in range(2):
        with open_log(tmp_path / "worker-1.log") as log:
            log.write("said\n")
    assert (tmp_path / "own.py").read_text() == "mine"
    assert (tmp_path / "worker-1.log").read_text() == "said\nsaid\n"


def test_end_of_log(tmp_path):
    assert end_of_log(tmp_path / "none.log") == ""
    with (tmp_path / "x.log").open("wb") as file:
        file.truncate(2 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\xff" + b"x" * 1999)
    assert end_of_log(tmp_path / "x.log") == "\ufffd" + "x" * 1999
