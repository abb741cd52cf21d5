"""Tests of `tensorsmith tfrecord` on the command line."""

import io
import json
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tensorsmith.records import Column, Records, encode, frame, write
from tensorsmith.tools.main import main

ROWS = 60


def png(shade):
    memory = io.BytesIO()
    Image.new("L", (5, 5), shade).save(memory, "PNG")
    return memory.getvalue()


def table():
    return {
        "image": Column.of(np.array([png(row) for row in range(ROWS)], object)),
        "label": Column.of(np.arange(ROWS) % 3),
        "x": Column.lists("float", [None if row % 2 else [row / 2] * (row % 4) for row in range(ROWS)]),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working folder with two intact files."""
    for name, first, last in (("toy.tfrecord-00000-of-00002", 0, 20), ("toy.tfrecord-00001-of-00002", 20, ROWS)):
        with (tmp_path / name).open("wb") as file:
            write(file, table(), first, last)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def call(folder, capsys):
    """Function that runs a subcommand and returns the exit code, standard output and standard error."""

    def call(*arguments):
        try:
            code = main(["tfrecord", *map(str, arguments)])
        except SystemExit as stopped:
            code = stopped.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def damage(path, location):
    data = bytearray(path.read_bytes())
    data[location] ^= 1
    path.write_bytes(data)


def test_verify(call, folder):
    code, out, _ = call("verify", ".")
    assert code == 0
    assert out.splitlines()[-1].startswith("2 of 2 files are intact: 60 records")
    first = folder / "toy.tfrecord-00000-of-00002"
    offset = len(encode(table(), 0, 7).data)
    damage(first, offset + 30)
    (folder / "foreign.tfrecord").write_text("a text of some length")
    (folder / "empty.tfrecord").touch()
    code, out, _ = call("verify", ".")
    assert code == 1
    assert f"damaged: {first.name}: record 7, at byte {offset:,}: the data of a record are damaged" in out
    assert "damaged: foreign.tfrecord: record 0, at byte 0" in out
    assert "is it a TFRecord file?" in out
    assert "intact: empty.tfrecord: 0 records, 0 bytes" in out
    assert "intact: toy.tfrecord-00001-of-00002: 40 records" in out  # verification continues after damaged files
    assert "2 of 4 files are intact" in out


def test_verify_any_records(call, folder):
    (folder / "any.tfrecord").write_bytes(frame(Records.of([b"", b"anything"])).data)
    code, out, _ = call("verify", "any.tfrecord")
    assert (code, "record 1, at byte 16: " in out) == (1, True)
    assert call("verify", "any.tfrecord", "--any")[0] == 0


def test_inspect(call, folder):
    code, out, _ = call("inspect", "toy*", "--examples", 2, "--images", "sheet.png")
    assert code == 0
    lines = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    size = (folder / "toy.tfrecord-00000-of-00002").stat().st_size
    assert f"toy.tfrecord-00000-of-00002 20 {size / 1000:.1f} kB none" in lines
    assert "image bytes 1 0" in lines
    assert "label int64 1 0" in lines
    assert "x float 0 to 2 30" in lines
    assert f"image: [PNG of {len(png(0))} bytes]" in lines
    assert lines.count("label: [1]") == 1
    assert lines[-1] == "sheet.png: 60 images"
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_stats(call):
    code, out, _ = call("stats", ".")
    assert code == 0
    lines = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    assert "label 60 0 0 2 1 0.8165 20 0" in lines
    values = np.array([row / 2 for row in range(0, ROWS, 2) for _ in range(row % 4)])
    assert f"x 30 30 1 29 {values.mean():.4g} {values.std():.4g} 0 0" in lines
    sizes = [len(png(row)) for row in range(ROWS)]
    assert f"image 60 0 {min(sizes)} to {max(sizes)} 0 60" in lines


def test_stats_are_not_truncated(call, folder, monkeypatch, capsys):
    with (folder / "large.tfrecord").open("wb") as file:
        write(file, {"identifier": Column.of(np.array([1, 2**63 - 1]))})
    monkeypatch.setenv("COLUMNS", "60")
    largest = f"{2**63 - 1:,}"
    _, out, _ = call("stats", "large.tfrecord")
    line = next(line for line in out.splitlines() if "identifier" in line)
    assert line.replace("│", " ").split()[:5] == ["identifier", "2", "0", "1", largest]
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich behave as on a terminal
    monkeypatch.setenv("TERM", "dumb")
    _, out, _ = call("stats", "large.tfrecord")
    assert "identifier" in out
    assert f"max {largest}" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_cat(call):
    code, out, _ = call("cat", "toy*", "--json", "--limit", 22)
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, len(rows)) == (0, 22)
    assert [row["label"] for row in rows] == [[row % 3] for row in range(22)]
    assert rows[6]["x"] == [3.0, 3.0]
    assert "x" not in rows[7]
    code, out, _ = call("cat", "toy*", "--limit", 1)
    assert out.startswith("example 0\n")


def test_repair(call, folder):
    path = folder / "toy.tfrecord-00000-of-00002"
    offset = len(encode(table(), 0, 7).data)
    damage(path, offset + 30)
    code, out, _ = call("repair", path, "whole.tfrecord")
    size = len(encode(table(), 7, 8).data)
    assert code == 0
    assert out.splitlines()[0].startswith(f"Skipped 1 record at byte {offset:,} ({size} bytes): ")
    assert out.splitlines()[1].startswith("whole.tfrecord: 19 records")
    assert call("verify", "whole.tfrecord")[0] == 0


def test_reshard_shuffle_and_split(call, folder, caplog):
    assert call("reshard", "toy*", "out", "--shards", 3)[0] == 0
    assert len(list((folder / "out").glob("toy.tfrecord-0000?-of-00003"))) == 3
    code, out, _ = call("reshard", "toy*", "out", "--shards", 3, "--resume")
    assert (code, out) == (0, "60 records in 3 files: out/toy.tfrecord-00000-of-00003\n")
    assert "The shards in out are already complete." in caplog.messages
    code, out, _ = call("shuffle", "out", "mixed", "--seed", 3, "--shard-size", "2kB", "--compression", "gzip")
    count = len(list((folder / "mixed").iterdir()))
    assert (code, out) == (0, f"60 records in {count} files: mixed/toy.tfrecord-00000-of-{count:05d}\n")
    code, out, _ = call("split", "mixed", "splits", "--split", "train=0.8,test=0.2", "--shards", 1, "--name", "new")
    assert out.splitlines() == [
        "48 records in 1 file: splits/new-train.tfrecord-00000-of-00001",
        "12 records in 1 file: splits/new-test.tfrecord-00000-of-00001",
    ]

    def lines(*sources):
        return sorted(call("cat", *sources, "--json")[1].splitlines())

    assert lines("toy*") == lines("out") == lines("mixed") == lines("splits")


def test_to_parquet(call, folder):
    code, out, _ = call("to-parquet", "toy*", "toy.parquet")
    assert (code, out.startswith("toy.parquet: 60 rows")) == (0, True)
    assert pq.read_table(folder / "toy.parquet")["label"].to_pylist() == [row % 3 for row in range(ROWS)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stats", "nothing-*"], 1, "nothing-*: no such file, and no file that matches"),
        (["inspect", "toy*", "--images", "none/x.png"], 1, "none/x.png: no such folder"),
        (["inspect", "toy*", "--raw-shape", "4,x"], 2, "must be sizes such as 28,28"),
        (["reshard", "toy*", ".", "--shards", "2"], 2, "Pass another folder or name"),
        (["reshard", "toy*", "out", "--shards", "0"], 2, "shards"),
        (["reshard", "toy*", "out", "--shards", "1", "--shard-size", "1MB"], 2, "not allowed with"),
        (["reshard", "toy*", "out", "--shard-size", "1 lot"], 2, "a positive number of bytes, such as 256MB"),
        (["split", "toy*", "out", "--split", "train=0.8"], 2, "whose sum is 0.8"),
        (["repair", "nothing", "x"], 1, "nothing: No such file"),
        (["to-parquet", "toy*", "none/x.parquet"], 1, "none/x.parquet: no such folder"),
        (["cat", "toy*", "--limit", "-1"], 2, "must be a non-negative number"),
        (["shuffle", "toy*", "out", "--seed", "x"], 2, "must be a non-negative number"),
        (["vrify"], 2, "vrify"),
        (
            ["to-parquet", "toy.tfrecord-00000-of-00002", "toy.tfrecord-00000-of-00002"],
            2,
            "must differ from the input file",
        ),
        (["inspect", "toy*", "--images", "toy.tfrecord-00000-of-00002"], 2, "must differ from the input file"),
        (["infer", "toy*", "--out", "toy.tfrecord-00000-of-00002"], 2, "must differ from the input file"),
    ],
)
def test_usage_errors(call, folder, arguments, code, message):
    before = sorted(folder.iterdir())
    found, out, err = call(*arguments)
    assert (found, message in err) == (code, True), err
    assert out == ""
    assert [path for path in sorted(folder.iterdir()) if path.is_file()] == before


@pytest.mark.parametrize("subcommand", [["verify"], ["inspect"], ["cat"], ["stats"], ["reshard"], ["repair"]], ids=str)
def test_named_pipe(call, folder, subcommand):
    os.mkfifo(folder / "pipe")
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the command waits for the pipe"))
    signal.alarm(20)
    try:
        code, out, err = call(*subcommand, "pipe", *["x"] * (subcommand[0] in ("reshard", "repair")))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert code == 1
    assert "pipe: not a regular file but a named pipe, a socket or a device" in out + err


def test_rejects_do_not_replace_the_schema(call, folder):
    (folder / "c.csv").write_text("x\n1\nb\n")
    (folder / "sch.yaml").write_text("version: 1\nfeatures:\n  x: {dtype: int64, shape: []}\n")
    before = (folder / "sch.yaml").read_bytes()
    convert = ["convert", "c.csv", "o", "--name", "n", "--schema", "sch.yaml", "--rejects"]
    code, _, err = call(*convert, "sch.yaml")
    assert (code, "--rejects must differ from the input file, got 'sch.yaml'" in err) == (2, True), err
    assert (folder / "sch.yaml").read_bytes() == before
    code, _, err = call(*convert, "none/rejects.jsonl")
    assert (code, "a file in an existing folder, got 'none/rejects.jsonl'" in err) == (2, True), err
    assert not (folder / "o").exists()


@pytest.mark.parametrize("source", ["tables", "tables/*.csv", "tables/gone.csv"])
def test_links_without_a_target_are_rejects(call, folder, source):
    (folder / "tables").mkdir()
    (folder / "tables/a.csv").write_text("x\n1\n2\n")
    (folder / "tables/circle.csv").symlink_to("circle.csv")
    (folder / "tables/gone.csv").symlink_to("nowhere.csv")
    problems = {
        "tables/circle.csv": "the file cannot be read: Too many levels of symbolic links",
        "tables/gone.csv": "the file cannot be read: No such file or directory",
    }
    if source in problems:
        problems = {source: problems[source]}
    records = 0 if source in problems else 2
    reports = [f"{file}, row 1: {problem}" for file, problem in problems.items()]
    code, out, _ = call("infer", source)
    assert code == 0
    assert all(f"#   {report}\n" in out for report in reports)
    code, _, err = call("convert", source, "out")
    assert code == 1
    assert all(report in err for report in reports)
    code, out, err = call("convert", source, "out", "--rejects", "rejects.jsonl")
    assert code == 0, err
    summary = f"{records} written, {len(reports)} rejected (rejects.jsonl)."
    assert f"Read {records + len(reports)} rows: {summary}" in out
    rejects = [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]
    assert {reject["file"]: reject["problem"] for reject in rejects} == problems


@pytest.mark.parametrize("subcommand", ["reshard", "to-parquet", "repair"])
def test_disk_full(call, folder, subcommand):
    sources = ["toy.tfrecord-00001-of-00002"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        code, out, err = call(subcommand, *sources, "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, out) == (1, "")
    assert "too large" in err.splitlines()[-1]
    assert "None" not in err
    assert [path for path in folder.rglob("*") if path.is_file() and path.name[:3] != "toy"] == []


def test_damaged_file_error_message(call, folder):
    damage(folder / "toy.tfrecord-00001-of-00002", 30)
    for subcommand, target in (("stats", []), ("cat", []), ("reshard", ["out"]), ("to-parquet", ["x.parquet"])):
        code, _, err = call(subcommand, "toy*", *target)
        last = err.splitlines()[-1]
        assert code == 1
        assert last.startswith("tensorsmith: toy.tfrecord-00001-of-00002: record 0, at byte 0: ")
    assert not (folder / "x.parquet").exists()
    assert list((folder / "out").iterdir()) == []


@pytest.mark.slow
def test_help_imports_are_lazy(tmp_path):
    script = "import sys; from tensorsmith.tools.main import main\n"
    script += "try: main(['tfrecord', '--help'])\nexcept SystemExit: pass\n"
    script += "sys.exit(bool({'tensorflow', 'pyarrow', 'keras', 'PIL'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_tensorflow_is_not_imported(folder):
    script = "import sys; from tensorsmith.tools.main import main\n"
    for arguments in (["verify", "."], ["stats", "."], ["inspect", "."], ["cat", "."], ["shuffle", ".", "out"]):
        script += f"assert main({['tfrecord', *arguments]}) == 0\n"
    script += "sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, stdout=subprocess.DEVNULL, cwd=folder)


def test_missing_takes_no_source(call, folder):
    """An option whose value may be omitted must not take the first source."""
    for name in ("one.csv", "two.csv"):
        (folder / name).write_text("a,b\n1,2\n")
    code, _, err = call("convert", "--missing", "one.csv", "two.csv", "converted")
    assert code == 2
    assert "--missing must be strings that stand for missing values, got the file one.csv" in err
    assert not (folder / "converted").exists()
