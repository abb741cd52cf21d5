"""Summary of the features that occur in records."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorsmith.records import reference
from tensorsmith.records.column import KINDS
from tensorsmith.records.library import MESSAGE_SIZE, CFeature, address, addresses, library
from tensorsmith.records.parse import must
from tensorsmith.records.record import FeatureError, Records


@dataclass(frozen=True)
class Range:
    """Minimum and maximum of a count, such as the number of values per record.

    Attributes:
        fewest: Minimum count, or 0 if nothing was counted.
        most: Maximum count, or 0 if nothing was counted.
    """

    fewest: int
    most: int


@dataclass(frozen=True)
class StoredFeature:
    """Summary of one feature over several records: value types, frequency, and number of values.

    Attributes:
        kinds: Kinds of the values, `"bytes"`, `"float"` or `"int64"`. There are several if records differ, and none if
            there were no values.
        rows: Number of records that have the feature.
        counts: Range of the number of values, or of steps for sequences, in records that have the feature.
        steps: For sequences, range of the number of values per step, otherwise `None`.
    """

    kinds: tuple[str, ...]
    rows: int
    counts: Range
    steps: Range | None = None

    @property
    def is_sequence(self) -> bool:
        """Returns `True` if the feature is in the `feature_lists` of a `tf.train.SequenceExample`."""
        return self.steps is not None


def survey(records: Records) -> dict[str, StoredFeature]:
    """Summarizes the features of serialized `tf.train.Example` or `tf.train.SequenceExample` records.

    Args:
        records: Serialized `tf.train.Example` or `tf.train.SequenceExample` records.

    Returns:
        A dict of names to features, sorted by name.

    Raises:
        RecordError: If a record is not an example.
        FeatureError: If a name is both in the context and in the feature lists.

    Example:
        >>> from tensorsmith.records import Column, encode
        >>> survey(encode({"x": Column.lists("float", [[1.5, 2], [], None])}))
        {'x': StoredFeature(kinds=('float',), rows=2, counts=Range(fewest=0, most=2), steps=None)}
    """
    native = library()
    if native is None:
        return _features(reference.survey(records))
    message, starts = ctypes.create_string_buffer(MESSAGE_SIZE), addresses(records)
    handle, count = ctypes.c_void_p(), ctypes.c_int64()
    positions = address(starts), address(records.sizes)
    code = native.survey(*positions, len(records), ctypes.byref(handle), ctypes.byref(count), message)
    must(code, message)
    try:
        found = (CFeature * count.value)()
        native.surveyed(handle, found)
        counted = {}
        for feature in found:
            name = ctypes.string_at(feature.name, feature.name_size).decode()
            kinds = {kind for number, kind in enumerate(KINDS, 1) if feature.kinds & 1 << number}
            ranges = (feature.fewest, feature.most), (feature.fewest_step, feature.most_step)
            counted[name, bool(feature.is_sequence)] = (kinds, feature.rows, *ranges)
        return _features(counted)
    finally:
        native.close_survey(handle)


def merge(first: Mapping[str, StoredFeature], second: Mapping[str, StoredFeature]) -> dict[str, StoredFeature]:
    """Merges the feature summaries of two sets of records.

    Args:
        first: Feature summary of the first set of records, a mapping as returned by `survey`.
        second: Feature summary of the second set of records, a mapping as returned by `survey`.

    Returns:
        The survey of all records.

    Raises:
        FeatureError: If a name is in the context of one set and in the feature lists of the other.

    Example:
        >>> one = {"x": StoredFeature(("float",), 2, Range(0, 2))}
        >>> merge(one, {"x": StoredFeature(("int64",), 1, Range(3, 3))})
        {'x': StoredFeature(kinds=('float', 'int64'), rows=3, counts=Range(fewest=0, most=3), steps=None)}
    """
    merged = {**first, **second}
    for name in first.keys() & second.keys():
        one, other = first[name], second[name]
        _check_place(name, one.is_sequence == other.is_sequence)
        kinds = tuple(kind for kind in KINDS if kind in one.kinds + other.kinds)
        counts = _joined(one.counts, other.counts, one.rows, other.rows)
        steps = None
        if one.steps and other.steps:
            steps = _joined(one.steps, other.steps, one.counts.most, other.counts.most)
        merged[name] = StoredFeature(kinds, one.rows + other.rows, counts, steps)
    return dict(sorted(merged.items()))


def _check_place(name: str, is_one: bool) -> None:
    if not is_one:
        raise FeatureError(
            name,
            "values in both the context and the feature lists",
            "in the context of all records or in the feature lists of all records",
            "rename the feature in the context or in the feature lists",
        )


def _joined(one: Range, other: Range, one_has: int, other_has: int) -> Range:
    """Returns the smallest range that contains both ranges. A range without observations is ignored."""
    if not (one_has and other_has):
        return one if one_has else other
    return Range(min(one.fewest, other.fewest), max(one.most, other.most))


def _features(counted: Mapping[tuple[str, bool], tuple[Any, ...]]) -> dict[str, StoredFeature]:
    features = {}
    for (name, is_sequence), (kinds, rows, counts, steps) in sorted(counted.items()):
        ranges = [Range(*map(int, pair)) if pair[1] >= 0 else Range(0, 0) for pair in (counts, steps)]
        held = tuple(kind for kind in KINDS if kind in kinds)
        _check_place(name, name not in features)
        features[name] = StoredFeature(held, rows, ranges[0], ranges[1] if is_sequence else None)
    return features
