"""Passes damaged records to the library: `python fuzz.py COUNT SEED`. Prints how many were accepted and rejected.

Accepted records must have the same contents as with protobuf. test_hostile.py runs this script with AddressSanitizer.
"""

import sys

import numpy as np
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from tensorsmith.core import ArgumentError
from tensorsmith.records import (
    Column,
    RecordError,
    Records,
    Sequence,
    available,
    check_examples,
    encode,
    find,
    frame,
    parse,
    scan,
    survey,
)
from tensorsmith.records.reference import LISTS, messages

WANTED = {"a": "int64", "bb": "float", "ccc": "bytes", "s": Sequence("int64"), "t": Sequence("bytes"), "none": "float"}
COLUMNS = {
    "a": Column.of([[1, -1, 300, 2**62]]),
    "bb": Column.of(np.float32([[0.5, -1, 1e30]])),
    "ccc": Column.lists("bytes", [[b"", b"xyz" * 9, b"\xff"]]),
}
STEPS = {
    "s": Column.lists("int64", [[[1], [], [2, 2**40]]], sequence=True),
    "t": Column.lists("bytes", [[[b"u"], [b"v", b""]]], sequence=True),
}
NASTY = [b"\xff" * 10, b"\x80" * 9 + b"\x01", b"\x0b", b"\x0a\x00", b"\x12\xff\xff\xff\xff\x0f", b"\x0a" * 60, bytes(4)]


def mutated(rng, message):
    """Returns a message with some bytes changed, deleted, duplicated or inserted."""
    data = bytearray(message)
    for _ in range(rng.integers(1, 4)):
        position, what = int(rng.integers(0, len(data) + 1)), rng.integers(0, 5)
        if what == 0 and position < len(data):
            data[position] = int(rng.integers(0, 256))
        elif what == 1 and position < len(data):
            data[position] ^= 1 << int(rng.integers(0, 8))
        elif what == 2:
            del data[position : position + int(rng.integers(1, 9))]
        elif what == 3:
            data[position:position] = data[position : position + int(rng.integers(1, 20))]
        else:
            data[position:position] = NASTY[rng.integers(0, len(NASTY))]
    return bytes(data)


def lists_of(example, name, request):
    """Returns the values of a feature according to protobuf, or `None`."""
    if isinstance(request, Sequence):
        if name not in example.feature_lists.feature_list:
            return None
        steps = example.feature_lists.feature_list[name].feature
        return [list(getattr(step, LISTS[request.kind]).value) for step in steps]
    feature = example.context.feature.get(name)
    if feature is None or feature.WhichOneof("kind") is None:
        return None
    return list(getattr(feature, LISTS[request]).value)


def accepts(read, records):
    """Returns `True` if records are read without a `RecordError`."""
    try:
        read(records)
    except RecordError:
        return False
    except ArgumentError:  # a name in both the context and the feature lists, not supported by surveys
        return True
    return True


def main(count, seed):
    if not available():
        sys.exit("there is no compiled library")
    rng = np.random.default_rng(seed)
    seeds = [encode(COLUMNS)[0], encode(STEPS)[0], encode(COLUMNS | STEPS)[0]]
    taken = refused = compared = 0
    for number in range(count):
        message = mutated(rng, seeds[number % 3])
        records = Records.of([message])
        framed = frame(records).data.copy()
        framed[rng.integers(0, framed.size)] ^= 1 << rng.integers(0, 8)
        assert scan(framed[: rng.integers(0, framed.size + 1)]).records.sizes.size == 0
        assert find(framed) == framed.size
        try:
            columns = parse(records, WANTED)
        except RecordError:
            refused += 1
            continue
        finally:
            assert accepts(survey, records) == accepts(check_examples, records)
        taken += 1
        example = messages()["SequenceExample"]()
        try:
            example.ParseFromString(message)
        except DecodeError:  # stricter checks of protobuf, such as lengths of ten bytes
            continue
        if len(UnknownFieldSet(example.context)) or len(UnknownFieldSet(example.feature_lists)):
            continue  # map entries with further fields, which this protobuf treats as unknown
        compared += 1
        for name, request in WANTED.items():
            ours, theirs = columns[name].to_lists()[0], lists_of(example, name, request)
            assert repr(ours) == repr(theirs), (message, name, ours, theirs)
    print(taken, refused, compared)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
