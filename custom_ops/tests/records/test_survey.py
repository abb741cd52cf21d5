"""What features records hold, against protobuf."""

import importlib

import pytest
from hypothesis import given, settings
from record_tables import tables

from tensorsmith.records import Column, Feature, Range, RecordError, Records, encode, merge, survey

MODULE = importlib.import_module("tensorsmith.records.survey")  # whose name the function has taken


@pytest.fixture
def twin(monkeypatch):
    """The survey by protobuf."""

    def call(records):
        with monkeypatch.context() as patch:
            patch.setattr(MODULE, "library", lambda: None)
            return survey(records)

    return call


@settings(max_examples=200, deadline=None)
@given(tables(), tables())
def test_as_protobuf(first, second):
    messages = [
        encode(columns)[row]
        for columns in (first, second)
        if columns
        for row in range(len(next(iter(columns.values()))))
    ]
    records = Records.of(messages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "library", lambda: None)
        theirs = survey(records)
    assert survey(records) == theirs


@settings(max_examples=100, deadline=None)
@given(tables(), tables())
def test_parts_together_hold_what_all_hold(first, second):
    columns = [table for table in (first, second) if table]
    parts = [encode(table) for table in columns]
    messages = [part[row] for part in parts for row in range(len(part))]
    merged = {}
    for part in parts:
        merged = merge(merged, survey(part))
    clash = {
        name for name in first.keys() & second.keys() if (first[name].steps is None) != (second[name].steps is None)
    }
    if not clash:
        assert merged == survey(Records.of(messages))


def test_what_it_says():
    columns = {
        "label": Column.of([1, 2, 3]),
        "tags": Column.lists("bytes", [[b"a", b"b"], None, []]),
        "words": Column.lists("float", [[[1.0], [2.0, 3.0]], [], None], sequence=True),
    }
    assert survey(encode(columns)) == {
        "label": Feature(("int64",), 3, Range(1, 1)),
        "tags": Feature(("bytes",), 2, Range(0, 2)),
        "words": Feature(("float",), 2, Range(0, 2), Range(1, 2)),
    }


def test_kinds_that_differ(twin):
    parts = [encode({"x": Column.of([1])}), encode({"x": Column.of([1.5])}), encode({"x": Column.of(["a"])})]
    records = Records.of([part[0] for part in parts])
    assert survey(records)["x"].kinds == ("bytes", "float", "int64")
    assert survey(records) == twin(records)


NO_KIND = b"\x0a\x07\x0a\x05\x0a\x01x\x12\x00"
NO_VALUE = b"\x0a\x05\x0a\x03\x0a\x01x"
TWICE = b"\x0a\x1a\x0a\x0b\x0a\x01x\x12\x06\x1a\x04\x0a\x02\x01\x02\x0a\x0b\x0a\x01x\x12\x06\x1a\x04\x0a\x02\x07\x08"


@pytest.mark.parametrize("message", [b"", NO_KIND, NO_VALUE, TWICE])
def test_unusual_but_allowed(message, twin):
    records = Records.of([message])
    assert survey(records) == twin(records)


@pytest.mark.parametrize("message", [TWICE[:-1], b"\x02\x00", b"\x0a" + b"\x80" * 9 + b"\x01"])
def test_no_examples(message, twin):
    records = Records.of([b"", message])
    for call in (survey, twin):
        with pytest.raises(RecordError, match="it is no example") as caught:
            call(records)
        assert caught.value.row == 1
