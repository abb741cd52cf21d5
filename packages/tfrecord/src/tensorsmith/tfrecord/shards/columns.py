"""Parsing of records from files into columns."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorsmith.records import Column, FeatureError, RecordError, StoredFeature, parse, survey
from tensorsmith.records import Sequence as Steps
from tensorsmith.tfrecord.shards.reading import Part


def features_of(path: Path, part: Part) -> dict[str, StoredFeature]:
    """Returns a dict that maps the names of all features in consecutive records to their properties.

    Raises:
        DamagedFileError: If a record is not an example.
    """
    try:
        return survey(part.records)
    except RecordError as error:
        raise part.damage(path, error) from None


def columns_of(path: Path, part: Part, features: Mapping[str, StoredFeature]) -> dict[str, Column]:
    """Parses consecutive records, and returns a dict with one column per feature.

    Args:
        path: Path of the TFRecord file, for error messages.
        part: Section of the file to parse.
        features: Mapping from names to the features to parse. Features without values are skipped.

    Returns:
        The columns by name.

    Raises:
        FeatureError: If a feature has values of several kinds.
        DamagedFileError: If a record is not an example, or has values of a different kind.
    """
    wanted: dict[str, str | Steps] = {}
    for name, feature in features.items():
        check_kinds(name, feature.kinds)
        if feature.kinds:
            wanted[name] = Steps(feature.kinds[0]) if feature.is_sequence else feature.kinds[0]
    try:
        return parse(part.records, wanted)
    except RecordError as error:
        raise part.damage(path, error) from None


def check_kinds(name: str, kinds: Iterable[str]) -> None:
    """Checks that the values of a feature have the same kind in all records.

    Raises:
        FeatureError: If there are several kinds.
    """
    held = list(kinds)
    if len(held) > 1:
        remedy = "rewrite the records with a single type for this feature"
        raise FeatureError(name, " and ".join(held), "have the same type in all records", remedy)
