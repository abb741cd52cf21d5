"""Reference implementation of the record codec with protobuf and google-crc32c, for tests and as a fallback."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tensorsmith.records.column import KINDS, Column
from tensorsmith.records.record import FOOTER, HEADER, RecordError, Records

LISTS = dict(zip(KINDS, ("bytes_list", "float_list", "int64_list"), strict=True))
LENGTH_DAMAGED, DATA_DAMAGED = 1, 2


@cache
def messages() -> dict[str, Any]:
    """Returns the message classes of tensorflow/core/example/{feature,example}.proto, without importing TensorFlow."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorsmith", syntax="proto3")

    def message(name: str, *fields: Any, **options: Any) -> None:
        file.message_type.add(name=name, field=fields, **options)

    def value(name: str, number: int, kind: str, repeated: bool = False, **more: Any) -> Any:
        label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        if kind[0].isupper():
            return field(name=name, number=number, label=label, type_name=f".tensorsmith.{kind}", type=11, **more)
        return field(name=name, number=number, label=label, type=getattr(field, f"TYPE_{kind.upper()}"), **more)

    def map_of(name: str, field_name: str, entry: str, value_type: str) -> None:
        parts = [value("key", 1, "string"), value("value", 2, value_type)]
        nested = descriptor_pb2.DescriptorProto(name=entry, field=parts, options={"map_entry": True})
        message(name, value(field_name, 1, f"{name}.{entry}", repeated=True), nested_type=[nested])

    for name, kind in (("BytesList", "bytes"), ("FloatList", "float"), ("Int64List", "int64")):
        message(name, value("value", 1, kind, repeated=True))
    kinds = [
        value(LISTS[kind], i + 1, name, oneof_index=0)
        for i, (kind, name) in enumerate(zip(KINDS, ("BytesList", "FloatList", "Int64List"), strict=True))
    ]
    message("StoredFeature", *kinds, oneof_decl=[descriptor_pb2.OneofDescriptorProto(name="kind")])
    map_of("Features", "feature", "FeatureEntry", "StoredFeature")
    message("FeatureList", value("feature", 1, "StoredFeature", repeated=True))
    map_of("FeatureLists", "feature_list", "FeatureListEntry", "FeatureList")
    message("Example", value("features", 1, "Features"))
    message("SequenceExample", value("context", 1, "Features"), value("feature_lists", 2, "FeatureLists"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("Example", "SequenceExample")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorsmith.{name}")) for name in names}


def encode(columns: Mapping[str, Column], first: int, last: int) -> list[bytes]:
    """Returns the rows of columns as serialized records, without framing."""
    lists = {name: column.to_lists()[first:last] for name, column in columns.items()}
    sequences = {name for name, column in columns.items() if column.steps is not None}
    records = []
    for row in range(last - first):
        example = messages()["SequenceExample" if sequences else "Example"]()
        context = example.context if sequences else example.features
        context.SetInParent()
        for name, column in columns.items():
            values, kind = lists[name][row], LISTS[column.kind]
            if values is None:
                continue
            steps = values if name in sequences else [values]
            for step in steps:
                feature = (
                    example.feature_lists.feature_list[name].feature.add()
                    if name in sequences
                    else context.feature[name]
                )
                getattr(feature, kind).SetInParent()
                getattr(feature, kind).value.extend(step)
            if name in sequences:
                example.feature_lists.feature_list[name].SetInParent()
        if sequences:
            example.feature_lists.SetInParent()
            if not context.feature:
                example.ClearField("context")
        records.append(example.SerializeToString(deterministic=True))
    return records


def frame(records: Records) -> Records:
    """Adds the framing of a TFRecord file (length and checksums) to records."""
    parts, begins, at = [], [], HEADER
    for row in range(len(records)):
        data = records[row]
        length = len(data).to_bytes(8, "little")
        parts += [length, _checksum(length), data, _checksum(data)]
        begins.append(at)
        at += HEADER + len(data) + FOOTER
    return Records(np.frombuffer(b"".join(parts), "uint8"), np.array(begins, "int64"), records.sizes)


def scan(data: np.ndarray, check_data: bool, most: int) -> tuple[np.ndarray, np.ndarray, int, int, int]:
    """Returns the record offsets and sizes, consumed and needed byte counts, and damage code of TFRecord data."""
    view, at, needed, damage = data.data, 0, 0, 0
    begins: list[int] = []
    sizes: list[int] = []
    while len(sizes) < most and len(view) - at >= HEADER:
        length = bytes(view[at : at + 8])
        size, end = int.from_bytes(length, "little"), at + HEADER + int.from_bytes(length, "little")
        if view[at + 8 : at + HEADER] != _checksum(length):
            damage = LENGTH_DAMAGED
            break
        if end + FOOTER > len(view):
            needed = min(size + HEADER + FOOTER, 2**63 - 1)
            break
        if check_data and view[end : end + FOOTER] != _checksum(bytes(view[at + HEADER : end])):
            damage = DATA_DAMAGED
            break
        begins.append(at + HEADER)
        sizes.append(size)
        at = end + FOOTER
    return np.array(begins, "int64"), np.array(sizes, "int64"), at, needed, damage


def parse(records: Records, wanted: Mapping[str, tuple[str, bool]]) -> dict[str, Column]:
    """Parses records into a dict that maps feature names to columns, given the value type of each feature."""
    lists: dict[str, list[Any]] = {name: [] for name in wanted}
    for row in range(len(records)):
        example = messages()["SequenceExample"]()  # the context has the same field number as the features of an Example
        try:
            example.ParseFromString(records[row])
        except DecodeError as error:
            raise RecordError(row, f"not a tf.train.Example: {error}") from None
        for name, (kind, is_sequence) in wanted.items():
            try:
                lists[name].append(_values(example, name, kind, is_sequence))
            except TypeError as error:
                raise RecordError(row, f"feature `{name}`: {error}, expected {kind}") from None
    return {name: Column.lists(kind, lists[name], sequence) for name, (kind, sequence) in wanted.items()}


def survey(records: Records) -> dict[tuple[str, bool], tuple[set[str], int, tuple[int, int], tuple[int, int]]]:
    """Returns the value types, the number of rows and the ranges of the value counts for each feature."""
    met: dict[tuple[str, bool], list[tuple[set[str], list[int]]]] = {}
    for row in range(len(records)):
        example = messages()["SequenceExample"]()
        try:
            example.ParseFromString(records[row])
        except DecodeError as error:
            raise RecordError(row, f"not a tf.train.Example: {error}") from None
        for name, feature in example.context.feature.items():
            met.setdefault((name, False), []).extend([_held(feature)] if feature.WhichOneof("kind") else [])
        for name, steps in example.feature_lists.feature_list.items():
            held = [_held(step) for step in steps.feature]
            kinds = set().union(*(kinds for kinds, _ in held))
            met.setdefault((name, True), []).append((kinds, [count for _, counts in held for count in counts]))
    found = {}
    for (name, is_sequence), rows in met.items():
        counts = [len(counts) if is_sequence else counts[0] for _, counts in rows]
        steps = [count for _, counts in rows for count in counts] if is_sequence else []
        kinds = set().union(*(kinds for kinds, _ in rows))
        found[name, is_sequence] = (kinds, len(rows), _range(counts), _range(steps))
    return found


def _held(feature: Any) -> tuple[set[str], list[int]]:
    """Returns the value type of a feature as a set, and the number of its values as a list."""
    held = feature.WhichOneof("kind")
    return ({held.removesuffix("_list")}, [len(getattr(feature, held).value)]) if held else (set(), [0])


def _range(counts: list[int]) -> tuple[int, int]:
    return (min(counts), max(counts)) if counts else (0, -1)


def _values(example: Any, name: str, kind: str, is_sequence: bool) -> list[Any] | None:
    """Returns the feature values of an example, or `None` if the feature is missing."""
    if not is_sequence:
        return _list(example.context.feature[name], kind) if name in example.context.feature else None
    if name not in example.feature_lists.feature_list:
        return None
    return [_list(step, kind) or [] for step in example.feature_lists.feature_list[name].feature]


def _list(feature: Any, kind: str) -> list[Any] | None:
    held = feature.WhichOneof("kind")
    if held is None:
        return None
    if held != LISTS[kind]:
        raise TypeError(f"got {held.removesuffix('_list')}")
    return list(getattr(feature, held).value)


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
