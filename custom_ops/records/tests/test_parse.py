"""Tests of parsing records into columns against protobuf."""

import numpy as np
import pytest
from hypothesis import given, settings
from record_tables import tables

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, RecordError, Records, Sequence, encode, parse, reference


def wanted_of(columns):
    return {
        name: Sequence(column.kind) if column.steps is not None else column.kind for name, column in columns.items()
    }


def same(ours, theirs):
    """Compares bitwise, including NaN."""
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert repr(ours[name].to_lists()) == repr(theirs[name].to_lists())


@settings(max_examples=150, deadline=None)
@given(tables())
def test_round_trip(columns):
    if columns:
        same(parse(encode(columns), wanted_of(columns)), columns)


@settings(max_examples=100, deadline=None)
@given(tables())
def test_matches_protobuf(columns):
    if columns:
        records, wanted = encode(columns), wanted_of(columns)
        theirs = {name: (column.kind, column.steps is not None) for name, column in columns.items()}
        same(parse(records, wanted), reference.parse(records, theirs))


def field(number, payload):
    """Returns a length-delimited field with a short payload."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def example(*entries):
    return field(1, b"".join(field(1, entry) for entry in entries))


def entry(feature, name=b"x"):
    return field(1, name) + field(2, feature)


FLOATS = np.float32([1, 2]).tobytes()
UNUSUAL = {
    "not packed floats": (example(entry(field(2, b"\x0d" + FLOATS[:4] + b"\x0d" + FLOATS[4:]))), "float"),
    "not packed int64": (example(entry(field(3, b"\x08\x05\x08\x07"))), "int64"),
    "packed in two": (example(entry(field(3, field(1, b"\x05") + field(1, b"\x07\x08")))), "int64"),
    "a list in two": (example(entry(field(3, field(1, b"\x05")) + field(3, field(1, b"\x07")))), "int64"),
    "another kind before": (example(entry(field(2, field(1, FLOATS)) + field(3, field(1, b"\x07")))), "int64"),
    "the last of a name": (example(entry(field(3, field(1, b"\x05"))), entry(field(3, field(1, b"\x07")))), "int64"),
    "another kind before the last of a name": (
        example(entry(field(2, field(1, FLOATS))), entry(field(3, field(1, b"\x07")))),
        "int64",
    ),
    "features in two": (
        example(entry(field(3, field(1, b"\x05")), b"y")) + example(entry(field(3, field(1, b"\x07")))),
        "int64",
    ),
    "value before name": (example(field(2, field(3, field(1, b"\x05"))) + field(1, b"x")), "int64"),
    "no kind": (example(entry(b"")), "int64"),
    "no value": (example(field(1, b"x")), "int64"),
    "no features": (b"", "int64"),
    "unknown fields": (
        b"\x18\x01" + example(entry(field(3, b"\x18\x01" + field(1, b"\x05")) + b"\x39" + bytes(8))),
        "int64",
    ),
    "a long varint": (example(entry(field(3, field(1, b"\x85\x80\x80\x00")))), "int64"),
    "ten bytes": (example(entry(field(3, field(1, b"\xff" * 9 + b"\x01")))), "int64"),
    "more than 64 bits": (example(entry(field(3, field(1, b"\xff" * 9 + b"\x7f")))), "int64"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_encodings(name):
    message, kind = UNUSUAL[name]
    records = Records.of([message])
    same(parse(records, {"x": kind}), reference.parse(records, {"x": (kind, False)}))


REFUSED = {
    "cut": (
        example(entry(field(3, field(1, b"\x05"))))[:-1],
        r"record 1: not a tf\.train\.Example: a field is longer than the remaining bytes, at byte 2",
    ),
    "a number that does not end": (
        example(entry(field(3, field(1, b"\x85")))),
        r"record 1: not a tf\.train\.Example: truncated number, at byte 14",
    ),
    "eleven bytes": (example(entry(field(3, field(1, b"\xff" * 10 + b"\x01")))), "more than ten bytes"),
    "a float too short": (
        example(entry(field(2, field(1, FLOATS[:3])))),
        r"record 1: not a tf\.train\.Example: truncated list of floats, at byte 16",
    ),
    "field 0": (b"\x02\x00", r"record 1: not a tf\.train\.Example: invalid field number, at byte 0"),
    "a group": (b"\x0b\x0c", r"record 1: not a tf\.train\.Example: invalid field type, at byte 0"),
    "features without length": (
        b"\x08\x01",
        r"record 1: not a tf\.train\.Example: a message or string has no length, at byte 1",
    ),
    "a list without length": (
        example(entry(b"\x18\x01")),
        r"record 1: not a tf\.train\.Example: a message or string has no length, at byte 1",
    ),
    "a length of 2^63": (
        b"\x0a" + b"\x80" * 9 + b"\x01",
        r"record 1: not a tf\.train\.Example: a field is longer than the remaining bytes, at byte 11",
    ),
    "a value of another type": (
        example(entry(field(3, b"\x0d" + FLOATS[:4]))),
        r"record 1: not a tf\.train\.Example: a value differs in type from its list, at byte 12",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_records(name):
    message, problem = REFUSED[name]
    with pytest.raises(RecordError, match=problem) as caught:
        parse(Records.of([example(), message]), {"x": "int64"})
    assert caught.value.row == 1


def test_mismatched_kind():
    records = encode({"x": Column.of([1.0]), "é": Column.of([1])})
    with pytest.raises(RecordError, match="record 0: feature `x`: got float, expected int64"):
        parse(records, {"x": "int64"})
    with pytest.raises(RecordError, match="record 0: feature `é`: got int64, expected bytes"):
        parse(records, {"é": "bytes"})
    with pytest.raises(RecordError, match="record 0: feature `x`: got float, expected int64"):
        reference.parse(records, {"x": ("int64", False)})
    twice = example(entry(field(3, field(1, b"\x07"))), entry(field(2, field(1, FLOATS))))  # the last entry counts
    with pytest.raises(RecordError, match="record 1: feature `x`: got float, expected int64"):
        parse(Records.of([example(), twice]), {"x": "int64"})
    with pytest.raises(ArgumentError, match="wanted"):
        parse(records, {"x": "double"})


def test_feature_selection_and_order():
    names = [f"f{i}" for i in range(30)]
    records = encode({name: Column.of([i, i + 1]) for i, name in enumerate(names)})
    asked = [*names[::-3], "not there"]
    found = parse(records, dict.fromkeys(asked, "int64"))
    assert list(found) == asked
    for name in asked[:-1]:
        assert found[name].to_lists() == [[int(name[1:])], [int(name[1:]) + 1]]
    assert found["not there"].to_lists() == [None, None]
