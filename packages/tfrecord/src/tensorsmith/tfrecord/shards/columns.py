"""Parts of files as columns."""

from collections.abc import Mapping
from pathlib import Path

from tensorsmith.core import check
from tensorsmith.records import Column, Feature, RecordError, parse, survey
from tensorsmith.records import Sequence as Steps
from tensorsmith.tfrecord.shards.reading import Part


def features_of(path: Path, part: Part) -> dict[str, Feature]:
    """The features of a part of a file.

    Raises:
        DamagedFileError: A record is no example.
    """
    try:
        return survey(part.records)
    except RecordError as error:
        raise part.damage(path, error) from None


def columns_of(path: Path, part: Part, features: Mapping[str, Feature]) -> dict[str, Column]:
    """A part of a file as columns.

    Args:
        path: The file.
        part: A part of it.
        features: Which ones, by name; those of which no value was ever met are left out.

    Raises:
        ValueError: A feature has values of several kinds.
        DamagedFileError: A record is no example, or has values of another kind.
    """
    wanted: dict[str, str | Steps] = {}
    for name, feature in features.items():
        held = " and ".join(feature.kinds)
        check(len(feature.kinds) < 2, f"feature {name}", held, "values of one kind", "write the records anew")
        if feature.kinds:
            wanted[name] = Steps(feature.kinds[0]) if feature.is_sequence else feature.kinds[0]
    try:
        return parse(part.records, wanted)
    except RecordError as error:
        raise part.damage(path, error) from None
