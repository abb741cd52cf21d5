"""Inference of the schema of a data source, written as YAML for review."""

import json
from collections.abc import Callable
from typing import Any

from tensorsmith.tfrecord.schema import INDICES, VALUES, Schema
from tensorsmith.tfrecord.sources import Batch, open_source
from tensorsmith.tfrecord.sources.files import Paths
from tensorsmith.tfrecord.sources.table import TableSource

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
        >>> infer(file).features["x"]
        Feature(dtype='int64', shape=(2,), encoding='', sequence=False, optional=False, labels=())
    """
    return open_source(path, **options).infer()


def review(source: TableSource, watch: Callable[[Batch], None] = lambda batch: None) -> str:
    """Returns the inferred schema as YAML, with comments on row counts, rejects, missing values and vocabularies.

    Args:
        source: Data source returned by `open_source`.
        watch: Function that is called with each batch to report progress.
    """
    found = source.survey(watch)
    files = _count(len(source.files), "file")
    names = f"{files}, {source.files[0]} to {source.files[-1]}" if len(source.files) > 1 else str(source.files[0])
    lines = [f"{_count(found.rows, 'row')} of {names}"]
    if found.refused:
        lines.append(f"{_count(found.refused, 'row')} could not be read:")
        lines += [f"  {reject}" for reject in found.rejects[:MOST_REJECTS]]
        lines += ["  ..."] * (found.refused > MOST_REJECTS)
    lines += [f"{_name(name)}: missing in {_count(count, 'row')}" for name, count in found.missing.items()]
    lines += [f"{_name(name)}: {problem}; convert rejects such rows" for name, problem in found.problems.items()]
    for name, texts in found.vocabularies.items():
        labels = json.dumps(texts, ensure_ascii=False)
        lines.append(
            f"{_name(name)}: {_count(len(texts), 'distinct string')}; as classes {{dtype: int64, labels: {labels}}}"
        )
    wide = [_name(name) for name, feature in found.schema.features.items() if feature.dtype == "float64"]
    if wide:
        lines.append(f"float64 is stored as bytes; float32 is smaller if 7 digits suffice: {', '.join(wide)}")
    features = found.schema.features
    sparse = [name.removesuffix(INDICES) for name in features if name.endswith(INDICES)]
    for name in sparse:
        if name + VALUES in features:
            lines.append(
                f"{_name(name)}: to read it as sparse, add the line `sparse: {{{_name(name)}: SIZE}}` at the end"
            )
    return "".join(f"# {line}\n" for line in lines) + found.schema.to_yaml()


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _name(name: str) -> str:
    """Returns a feature name as a single line, escaped if it contains unprintable characters."""
    return name if name.isprintable() else json.dumps(name)
