"""Subcommands of `tensorsmith tfrecord` with damaged and unusual files: each ends with a result or a one-line error."""

import gzip
import shutil
import signal

import numpy as np
import pytest

from tensorsmith.records import Records, frame

NAMES = [b"a", b"b", b"", b"\xff", "größe".encode(), b"a/b", b"a:0", b"x\ny", b"\x00", b'"', b"a" * 300]
COMMANDS = {
    "infer": ["{source}"],
    "infer --out": ["{source}", "--out", "{out}.yaml"],
    "convert": ["{source}", "{out}", "--workers", "1", "--shards", "2"],
    "convert --rejects": ["{source}", "{out}", "--workers", "1", "--shards", "1", "--rejects", "{out}.jsonl"],
    "inspect": ["{source}", "--images", "{out}.png"],
    "inspect --raw-shape": ["{source}", "--images", "{out}.png", "--raw-shape", "2,2"],
    "stats": ["{source}"],
    "verify": ["{source}"],
    "cat": ["{source}"],
    "cat --json": ["{source}", "--json"],
    "repair": ["{source}", "{out}"],
    "reshard": ["{source}", "{out}", "--shards", "2"],
    "shuffle": ["{source}", "{out}", "--shards", "2", "--compression", "gzip"],
    "split": ["{source}", "{out}", "--split", "train=0.5,test=0.5", "--seed", "1"],
    "to-parquet": ["{source}", "{out}.parquet"],
}

USAGE_ERRORS = ("contain examples with at least one value", "PNG, JPEG, GIF or BMP image", "have at least one feature")


def varint(value):
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def field(number, content, kind=2):
    """Returns a field of a protocol buffer message; kind 2 has a length."""
    return varint(number << 3 | kind) + (varint(len(content)) + content if kind == 2 else content)


def value_of(rng):
    """Returns a feature with random values: of one kind, without a kind, of two kinds, or with an invalid content."""
    numbers = rng.integers(0, 300, rng.integers(0, 4))
    lists = [
        field(1, b"".join(field(1, bytes(rng.integers(0, 256, size % 9, "uint8"))) for size in numbers)),
        field(1, b"".join(field(1, b"text") for _ in numbers)),
        field(2, field(1, numbers.astype("float32").tobytes())),
        field(2, b"".join(field(1, number.tobytes(), 5) for number in numbers.astype("float32"))),
        field(3, field(1, b"".join(varint(int(number)) for number in numbers))),
        field(3, field(1, b"\xff" * 9 + b"\x01")),
    ]
    if rng.random() < 0.1:
        return [b"", lists[0] + lists[2], field(4, b""), field(3, field(1, b"\xff" * 12)), field(2, b"\x0a\x03abc")][
            rng.integers(5)
        ]
    return lists[rng.integers(len(lists))]


def example(rng, names):
    """Returns a serialized example or sequence example, in which a name may occur twice or in both parts."""
    entries = [field(1, field(1, name) + field(2, value_of(rng))) for name in rng.permutation(names).tolist()]
    entries += entries[: rng.integers(0, 2)] if rng.random() < 0.1 else []
    message = field(1, b"".join(entries))
    if rng.random() < 0.2:
        steps = b"".join(field(1, value_of(rng)) for _ in range(rng.integers(0, 3)))
        name = [b"steps", *names[:1]][int(rng.random() < 0.2 and len(names) > 0)]
        message += field(2, field(1, field(1, name) + field(2, steps)))
    return message


def contents(rng):
    """Returns the content of a file: records with correct checksums, perhaps damaged, cut off, compressed or empty."""
    names = [NAMES[each] for each in rng.permutation(len(NAMES) if rng.random() < 0.3 else 2)[: rng.integers(0, 4)]]
    records = [example(rng, names) for _ in range(rng.integers(0, 6))]
    if rng.random() < 0.2:
        records.insert(int(rng.integers(len(records) + 1)), bytes(rng.integers(0, 256, 20, "uint8")))
    data = bytearray(frame(Records.of(records)).data.tobytes()) if records else bytearray()
    damage = rng.random()
    if damage < 0.1 and data:
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    elif damage < 0.2 and data:
        data[:8] = int(rng.integers(0, 2**62)).to_bytes(8, "little")
    elif damage < 0.3:
        del data[rng.integers(len(data) + 1) :]
    if rng.random() < 0.2:
        data = bytearray(gzip.compress(data, mtime=0))
        if rng.random() < 0.5:
            del data[rng.integers(len(data)) :]
    return bytes(data)


@pytest.fixture
def call(command, tmp_path):
    """Function that runs a subcommand on files with given contents, and checks how it ends."""

    def call(name, *files):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        for number, content in enumerate(files):
            (tmp_path / f"{number}.tfrecord").write_bytes(content)
        places = {"source": tmp_path / "0.tfrecord", "out": tmp_path / "out"}
        signal.alarm(60)  # ends a command that hangs
        try:
            result = command("tfrecord", name.split()[0], *(each.format(**places) for each in COMMANDS[name]))
        finally:
            signal.alarm(0)
        assert "Traceback" not in result.stderr
        error = result.stderr.rpartition("tensorsmith: ")[2] if "tensorsmith: " in result.stderr else ""
        if result.returncode == 0:
            assert not error
        elif result.returncode == 2:
            assert any(problem in error for problem in USAGE_ERRORS), error
        else:
            assert result.returncode == 1
            assert error or (name == "verify" and "damaged: " in result.stdout)
        rejects = error.endswith("--rejects FILE.\n")  # at most five, and the advice
        assert len(error.splitlines()) <= (6 if rejects else 1), error
        return result

    return call


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("count", [5, pytest.param(75, marks=pytest.mark.slow)])
def test_random_files(call, name, count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        call(name, contents(rng))


@pytest.mark.parametrize("name", ["infer", "convert", "cat", "stats", "to-parquet"])
@pytest.mark.parametrize("kinds", [(0, 4), (4, 2)])
def test_feature_that_changes_its_kind(call, name, kinds):
    """The kind changes between records, for a feature whose name is empty or contains a line break."""
    values = [field(1, field(1, b"text")), b"", field(2, field(1, bytes(4))), b"", field(3, field(1, b"\x01"))]
    for key in (b"", b"x\ny"):
        messages = [field(1, field(1, field(1, key) + field(2, values[kind]))) for kind in kinds]
        result = call(name, bytes(frame(Records.of(messages)).data))
        assert result.returncode == (name != "cat")
        if name != "cat":
            shown = '""' if key == b"" else "x\\ny"
            assert f"feature {shown} must have the same type in all records, got " in result.stderr


@pytest.mark.parametrize("name", ["infer", "convert", "cat --json", "stats", "to-parquet"])
def test_feature_that_occurs_twice_in_a_record(call, name):
    """As in protocol buffers, the last occurrence counts, even if the first one has another type."""
    number, text = field(3, field(1, b"\x01")), field(1, field(1, b"text"))
    record = field(1, b"".join(field(1, field(1, b"x") + field(2, value)) for value in (number, text)))
    result = call(name, bytes(frame(Records.of([record])).data))
    assert result.returncode == 0, result.stderr
    if name == "cat --json":
        assert result.stdout == '{"x": ["text"]}\n'


def test_names_of_features_in_output(call):
    record = field(1, b"".join(field(1, field(1, key) + field(2, field(3, field(1, b"\x01")))) for key in NAMES[:3]))
    for name in COMMANDS:
        call(name, bytes(frame(Records.of([record])).data))
