"""Inference of the schema of a data source, written as YAML for review."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tensorsmith.tfrecord._support.dates import TIME, unit_of
from tensorsmith.tfrecord.schema import INDICES, STRINGS, VALUES, Feature, Schema
from tensorsmith.tfrecord.sources import Batch, open_source
from tensorsmith.tfrecord.sources.files import Paths
from tensorsmith.tfrecord.sources.table import TableSource
from tensorsmith.tfrecord.string_columns import comments_on_strings, count_of, describe_rest, printed_name

MOST_REJECTS = 3  # rejects that are shown


def infer(path: Paths, **options: Any) -> Schema:
    """Reads all rows of a data source and returns the inferred schema.

    Args:
        path: Path of a file or folder, a glob pattern, or a sequence of these, as in `open_source`.
        options: Options for the file format, as in `open_source`.

    Returns:
        The `Schema` of the rows.

    Raises:
        FileNotFoundError: If a file does not exist.
        OSError: If a file cannot be read; the message names the position.
        ValueError: If the kind of source is unknown.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "numbers.jsonl"
        >>> _ = file.write_text('{"x": [1, 2], "y": 0.5}')
        >>> print(infer(file).to_yaml())
        features:
          x: {dtype: int64, shape: [2]}
          y: {dtype: float32}
        <BLANKLINE>
    """
    return open_source(path, **options).infer()


def review(
    source: TableSource, watch: Callable[[Batch], None] = lambda batch: None, required: Iterable[str] = ()
) -> str:
    """Returns the inferred schema as YAML, with comments on row counts, rejects, missing values and vocabularies.

    Args:
        source: Data source returned by `open_source`.
        watch: Function that is called with each batch to report progress.
        required: Names of features that are not optional even if they are missing in some rows; see `Schema.require`.

    Raises:
        ValueError: If a required feature is not in the data source.
    """
    found = source.survey(watch)
    files = count_of(len(source.files), "file")
    names = f"{files}, {source.files[0]} to {source.files[-1]}" if len(source.files) > 1 else str(source.files[0])
    lines = [f"{count_of(found.rows, 'row')} of {names}"]
    if found.refused:
        lines.append(f"{count_of(found.refused, 'row')} could not be read:")
        lines += [f"  {reject}" for reject in found.rejects[:MOST_REJECTS]]
        lines += ["  ..."] * (found.refused > MOST_REJECTS)
    lines += [source.describe_skipped()] if source.skipped else []
    schema = found.schema.require(required)
    if source.untyped:
        lines += _hints(list(schema.features), schema.csv)
    if schema.csv:
        options = (f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in schema.csv.items())
        lines.append(f"read with {', '.join(options)}")
    if "row_names" in schema.csv:
        lines.append("each row has one field more than the header: the first field is read as row_names")
    lines += source.comments()
    for name, count in found.missing.items():
        lines.append(f"{printed_name(name)}: missing in {count_of(count, 'row')}{_consequence(schema.features[name])}")
    lines += comments_on_strings(found)
    for name, rest in found.not_numbers.items():
        if schema.features[name].dtype != "string":
            lines.append(f"{printed_name(name)}: {describe_rest(rest)}; convert rejects such rows")
    for name, formats in found.dates.items():
        if len(formats) == 1:
            lines.append(f"{printed_name(name)}: {_dates(formats[0])}")
    for name, (no, yes) in found.booleans.items():
        lines.append(
            f"{printed_name(name)}: {yes!r} and {no!r} in any case, read as bool; {{dtype: string}} keeps the strings"
        )
    lines += [f"{printed_name(name)}: {problem}; convert rejects such rows" for name, problem in found.problems.items()]
    for name, texts in found.vocabularies.items():
        if name in found.not_numbers or name in found.dates or name in found.not_dates:
            continue
        labels = json.dumps(texts, ensure_ascii=False)
        distinct = count_of(len(texts), "distinct string")
        lines.append(f"{printed_name(name)}: {distinct}; as classes {{dtype: int64, labels: {labels}}}")
    wide = [printed_name(name) for name, one in schema.features.items() if one.dtype == "float64" and not one.format]
    if wide:
        lines.append(f"float64 is stored as bytes; float32 is smaller if 7 digits suffice: {', '.join(wide)}")
    features = schema.features
    sparse = [name.removesuffix(INDICES) for name in features if name.endswith(INDICES)]
    for name in sparse:
        if name + VALUES in features:
            shown = printed_name(name)
            lines.append(f"{shown}: to read it as sparse, add the line `sparse: {{{shown}: SIZE}}` at the end")
    return "".join(f"# {line}\n" for line in lines) + schema.to_yaml()


def _hints(names: list[str], options: Mapping[str, Any]) -> list[str]:
    """Returns descriptions of column names that look like a comment or like a row of numbers."""
    hints = []
    if any(name.startswith("#") for name in names[:2]) and "comment" not in options:  # the first may be row_names
        hints.append("the first line begins with '#'; --comment='#' skips such lines")
    if names and all(re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", name) for name in names) and "names" not in options:
        hints.append("all column names are numbers; --no-header reads the first line as a row")
    return hints


def _consequence(feature: Feature) -> str:
    """Returns how rows without a feature are treated, as the end of a sentence."""
    if not feature.optional:
        return "; convert rejects such rows"
    if feature.default is None:
        return ""
    return f"; read as {feature.default!r}" if feature.dtype in STRINGS else "; read as NaN"


def _dates(format: str) -> str:
    """Returns a description of how a column of dates is stored."""
    if format == TIME:
        return "times, stored as seconds since midnight"
    unit = unit_of(format)
    return f"dates{' and times' if unit == 'seconds' else ''}, stored as {unit} since 1970-01-01"
