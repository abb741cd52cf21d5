"""What the examples of a data set hold, as a file that people read and change."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  which teaches NumPy bfloat16
import yaml

from tensorsmith.core import ArgumentError, Verbatim, check, did_you_mean, replace_file

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
FLOATS = ("float16", "bfloat16", "float32")
COMPLEX = ("complex64", "complex128")
STRINGS = ("string", "bytes")
WIDE = ("float64", "uint64", *COMPLEX)  # which lists of float32 and int64 cannot hold: they are stored as their bytes
DTYPES = (*INTEGERS, *FLOATS, *WIDE, *STRINGS)
IMAGES = ("png", "jpeg", "image")
INDICES, VALUES = "/indices", "/values"  # behind the name of a sparse value
SHAPE, VALUE = "/shape", "/value"  # behind the name of a feature of which more than one size varies, as in TFDS
ENCODINGS = ("", "raw", *IMAGES, "wav")


@dataclass(frozen=True)
class Feature:
    """What each example has under one name.

    Attributes:
        dtype: "string" (UTF-8), "bytes", or a type of numbers.
        shape: Of the value: `()` for one number or text; sizes, `None` where they vary.
        encoding: How it is stored: "" as a list of values (of float64, uint64 and complex numbers, and where several
            sizes vary, as their bytes); "raw" as the bytes of its numbers; "png", "jpeg" or "wav" as the bytes of such
            a file, "image" of a PNG or JPEG file.
        sequence: Whether it is in the feature lists of a `tf.train.SequenceExample`, with steps of this shape.
        optional: Whether examples may lack it.
        labels: Names of classes, where the value is a class's number.

    Raises:
        ValueError: These do not fit each other.

    Example:
        >>> Feature("uint8", (28, 28, 1), "png").kind
        'bytes'
        >>> Feature("float32", (None,)).kind
        'float'
    """

    dtype: str
    shape: tuple[int | None, ...] = ()
    encoding: str = ""
    sequence: bool = False
    optional: bool = False
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self.dtype in DTYPES, "dtype", self.dtype, " or ".join(DTYPES), did_you_mean(str(self.dtype), DTYPES))
        sizes = all(size is None or (isinstance(size, int) and size >= 0) for size in self.shape)
        check(sizes, "shape", self.shape, "sizes, or null where they vary")
        check(self.encoding in ENCODINGS, "encoding", self.encoding, " or ".join(filter(None, ENCODINGS)))
        numbers = self.dtype not in STRINGS
        if self.encoding in IMAGES:
            sound = len(self.shape) == 3 and (self.dtype == "uint8" or (self.dtype, self.encoding) == ("uint16", "png"))
            check(sound, "shape", self.shape, "(height, width, channels) of uint8, or of uint16 in PNG files")
        check(not self.encoding or numbers, "encoding", self.encoding, f"none for {self.dtype}")
        remedy = "let one size vary at most"
        check(not (self.sequence and self.is_shaped), "shape", self.shape, "sizes that all steps share", remedy)
        whole = self.dtype in INTEGERS and not self.shape
        check(not self.labels or whole, "labels", self.labels, "names for single integers only")
        texts = all(isinstance(label, str) for label in self.labels)
        check(texts and len(set(self.labels)) == len(self.labels), "labels", self.labels, "different texts")
        for name in ("sequence", "optional"):
            check(isinstance(getattr(self, name), bool), name, getattr(self, name), "true or false")

    @property
    def kind(self) -> str:
        """The kind of list that holds it: "bytes", "float" or "int64"."""
        if self.encoding or self.dtype in STRINGS or self.is_raw:
            return "bytes"
        return "float" if self.dtype in FLOATS else "int64"

    @property
    def is_raw(self) -> bool:
        """Whether its numbers are stored as their bytes, little-endian."""
        by_itself = not self.encoding and self.dtype not in STRINGS and (self.dtype in WIDE or self.is_shaped)
        return self.encoding == "raw" or by_itself

    @property
    def is_shaped(self) -> bool:
        """Whether its sizes are stored beside its values, as more than one of them varies."""
        return self.shape.count(None) > 1 and (not self.encoding or self.encoding == "raw")


@dataclass(frozen=True)
class Schema:
    """What examples hold.

    Attributes:
        features: Name to feature.
        sparse: Name to size of what is read as a sparse vector: the features `NAME/indices`, from 0 on and increasing,
            and `NAME/values`, as many.

    Raises:
        ValueError: A sparse value has no such features, or no size.

    Example:
        >>> schema = Schema({"x": Feature("float32", (3,)), "label": Feature("int64", labels=("cat", "dog"))})
        >>> print(schema.to_yaml())
        features:
          x: {dtype: float32, shape: [3]}
          label: {dtype: int64, labels: [cat, dog]}
        <BLANKLINE>
        >>> Schema.from_yaml(schema.to_yaml()) == schema
        True
    """

    features: Mapping[str, Feature]
    sparse: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, size in self.sparse.items():
            check(isinstance(size, int) and size > 0, f"sparse {name}", size, "a positive size")
            parts = [self.features.get(name + part) for part in (INDICES, VALUES)]
            lists = [part for part in parts if part and part.shape == (None,) and not (part.is_raw or part.sequence)]
            fits = len(lists) == 2 and lists[0].dtype in INTEGERS
            expected = f"the features {name}{INDICES}, of integers, and {name}{VALUES}, both of shape [null]"
            check(fits, f"sparse {name}", Verbatim(", ".join(self.features)), expected)

    def to_yaml(self) -> str:
        """As text, with what is not as usual."""
        names = {name: _flow(name) if name.isprintable() else json.dumps(name) for name in self.features}
        lines = [f"  {names[name]}: {_flow(_changed(feature))}\n" for name, feature in self.features.items()]
        sparse = f"sparse: {_flow(dict(self.sparse))}\n" if self.sparse else ""
        return ("features:\n" + "".join(lines) if lines else "features: {}\n") + sparse

    @classmethod
    def from_yaml(cls, text: str) -> "Schema":
        """Reads what `to_yaml` wrote, changed or not.

        Raises:
            ValueError: It is no schema; all mistakes are told together.
        """
        try:
            content = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise ArgumentError(f"a schema that is no YAML: {error}") from None
        known = isinstance(content, dict) and isinstance(content.get("features"), dict)
        check(known, "schema", content, "`features:` with a line for each name")
        features, mistakes = {}, []
        for name, fields in content["features"].items():
            try:
                features[name] = _feature(fields)
            except ArgumentError as error:
                mistakes.append(f"{name}: {error}")
        if mistakes:
            raise ArgumentError("\n".join(mistakes))
        sparse = content.get("sparse") or {}
        check(isinstance(sparse, dict), "sparse", sparse, "name: size, for each sparse value")
        return cls(features, sparse)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it into a file."""
        with replace_file(path) as draft:
            draft.write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Schema":
        """Reads it from a file.

        Raises:
            ValueError: It is no schema; the message has the path and all mistakes.
        """
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"))
        except (ArgumentError, UnicodeDecodeError) as error:
            raise ArgumentError(f"{path}: {error}") from None


class _Loader(yaml.SafeLoader):
    """Names are texts as they are written, be they `yes` or `1`, and none comes twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(names) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a name that is no text", node.start_mark)
        double = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if double is not None:
            raise yaml.constructor.ConstructorError(None, None, f"`{double}` is there twice", node.start_mark)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


FIELDS = tuple(one.name for one in dataclasses.fields(Feature))


def _changed(feature: Feature) -> dict[str, Any]:
    values = {one.name: (getattr(feature, one.name), one.default) for one in dataclasses.fields(feature)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, (value, usual) in values.items()
        if value != usual
    }


def _flow(value: Any) -> str:
    """A value in one line."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _feature(fields: Any) -> Feature:
    check(isinstance(fields, dict) and "dtype" in fields, "feature", fields, "dtype: ... and what else it has")
    for name in fields:
        check(name in FIELDS, str(name), fields[name], f"one of {', '.join(FIELDS)}", did_you_mean(str(name), FIELDS))
    lists = {name: fields[name] or [] for name in ("shape", "labels") if name in fields}
    for name, value in lists.items():
        check(isinstance(value, list), name, value, "a list")
    lists = {name: tuple(value) for name, value in lists.items()}
    return Feature(**{**fields, **lists})
