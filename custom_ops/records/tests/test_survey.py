"""Tests of the survey of records against protobuf."""

import importlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from record_tables import tables

from tensorsmith.core import ArgumentError
from tensorsmith.records import (
    Column,
    Range,
    RecordError,
    Records,
    StoredFeature,
    check_examples,
    encode,
    merge,
    parse,
    survey,
)

MODULE = importlib.import_module("tensorsmith.records.survey")  # the attribute of this name is the function


@pytest.fixture
def reference(monkeypatch):
    """Returns the survey of the reference implementation."""

    def call(records):
        with monkeypatch.context() as patch:
            patch.setattr(MODULE, "library", lambda: None)
            return survey(records)

    return call


def survey_or_error(records):
    """Returns the survey, or the error for a name in both the context and the feature lists."""
    try:
        return survey(records)
    except ArgumentError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(tables(), tables())
def test_matches_reference(first, second):
    messages = [
        encode(columns)[row]
        for columns in (first, second)
        if columns
        for row in range(len(next(iter(columns.values()))))
    ]
    records = Records.of(messages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "library", lambda: None)
        theirs = survey_or_error(records)
    assert survey_or_error(records) == theirs


@settings(max_examples=100, deadline=None)
@given(tables(), tables())
def test_merge_of_parts(first, second):
    columns = [table for table in (first, second) if table]
    parts = [encode(table) for table in columns]
    messages = [part[row] for part in parts for row in range(len(part))]
    whole, (merged, *others) = survey_or_error(Records.of(messages)), map(survey, parts or [Records.of([])])
    for part in others:
        clash = [name for name in merged.keys() & part.keys() if merged[name].is_sequence != part[name].is_sequence]
        if clash:
            with pytest.raises(
                ArgumentError,
                match="or in the feature lists of all records, got values in both the context",
            ):
                merge(merged, part)
            assert "or in the feature lists of all records, got values in both the context" in whole
            return
        merged = merge(merged, part)
    assert merged == whole


def test_survey():
    columns = {
        "label": Column.of([1, 2, 3]),
        "tags": Column.lists("bytes", [[b"a", b"b"], None, []]),
        "words": Column.lists("float", [[[1.0], [2.0, 3.0]], [], None], sequence=True),
    }
    assert survey(encode(columns)) == {
        "label": StoredFeature(("int64",), 3, Range(1, 1)),
        "tags": StoredFeature(("bytes",), 2, Range(0, 2)),
        "words": StoredFeature(("float",), 2, Range(0, 2), Range(1, 2)),
    }


def test_mixed_kinds(reference):
    parts = [encode({"x": Column.of([1])}), encode({"x": Column.of([1.5])}), encode({"x": Column.of(["a"])})]
    records = Records.of([part[0] for part in parts])
    assert survey(records)["x"].kinds == ("bytes", "float", "int64")
    assert survey(records) == reference(records)


NO_KIND = b"\x0a\x07\x0a\x05\x0a\x01x\x12\x00"
NO_VALUE = b"\x0a\x05\x0a\x03\x0a\x01x"
TWICE = b"\x0a\x1a\x0a\x0b\x0a\x01x\x12\x06\x1a\x04\x0a\x02\x01\x02\x0a\x0b\x0a\x01x\x12\x06\x1a\x04\x0a\x02\x07\x08"


@pytest.mark.parametrize("message", [b"", NO_KIND, NO_VALUE, TWICE])
def test_unusual_encodings(message, reference):
    records = Records.of([message])
    assert survey(records) == reference(records)


@pytest.mark.parametrize("message", [TWICE[:-1], b"\x02\x00", b"\x0a" + b"\x80" * 9 + b"\x01"])
def test_malformed_examples(message, reference):
    records = Records.of([b"", message])
    for call in (survey, reference):
        with pytest.raises(RecordError, match=r"record 1: not a tf\.train\.Example: ") as caught:
            call(records)
        assert caught.value.row == 1


def named(name):
    """Returns an example with one feature of the given name and the value 1."""
    entry = b"\x0a" + bytes([len(name)]) + name + b"\x12\x05\x1a\x03\x0a\x01\x01"
    features = b"\x0a" + bytes([len(entry)]) + entry
    return Records.of([b"\x0a" + bytes([len(features)]) + features])


@given(st.binary(max_size=20) | st.text(max_size=5).map(str.encode))
@example("Größe €𝄞".encode())
@example(b"eight or more: \xff")
@example(b"\xc0\x80")
@example(b"\xed\xa0\x80")
@example(b"\xe0\x9f\xbf")
@example(b"\xf0\x8f\xbf\xbf")
@example(b"\xf4\x90\x80\x80")
@example(b"\xf4\x8f\xbf\xbf")
@example(b"\xe2\x82")
def test_names_are_utf8(name):
    try:
        text = name.decode()
    except UnicodeDecodeError:
        for read in (survey, check_examples, lambda records: parse(records, {"x": "float"})):
            with pytest.raises(
                RecordError, match=r"record 0: not a tf\.train\.Example: a name is not valid UTF-8, at byte 6"
            ):
                read(named(name))
    else:
        assert list(survey(named(name))) == [text]


@settings(max_examples=500)
@given(st.lists(st.sampled_from([0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
                                 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]), max_size=12))  # fmt: skip
def test_utf8_boundary_bytes(name):
    test_names_are_utf8.hypothesis.inner_test(bytes(name))
