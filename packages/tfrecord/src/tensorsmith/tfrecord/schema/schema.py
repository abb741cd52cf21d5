"""Schema of the examples in a data set, stored as an editable YAML file."""

import dataclasses
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with NumPy
import numpy as np
import yaml

from tensorsmith.core import ArgumentError, LimitedLoader, Verbatim, check, did_you_mean, parse_yaml, replace_file
from tensorsmith.tfrecord._support.dates import check_format, unit_of

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
FLOATS = ("float16", "bfloat16", "float32")
COMPLEX = ("complex64", "complex128")
STRINGS = ("string", "bytes")
WIDE = ("float64", "uint64", *COMPLEX)  # stored as bytes, as lists of float32 and int64 cannot represent them
DTYPES = (*INTEGERS, *FLOATS, *WIDE, *STRINGS)
IMAGES = ("png", "jpeg", "image")
INDICES, VALUES = "/indices", "/values"  # suffixes of the two features of a sparse value
SHAPE, VALUE = "/shape", "/value"  # suffixes for a feature with several variable dimensions, as in TFDS
ENCODINGS = ("", "raw", *IMAGES, "wav")
NAN = "nan"  # default of a numeric feature; a string, because a float NaN is not equal to itself


@dataclass(frozen=True)
class Feature:
    """Dtype, shape and storage format of a feature.

    Attributes:
        dtype: "string" (UTF-8), "bytes", or a numerical dtype.
        shape: Shape of the value: `()` for a scalar or a single string; `None` for a dimension of variable size.
        encoding: Storage format. "" stores a list of values; float64, uint64 and complex numbers, and values with
            several variable dimensions, are stored as their bytes. "raw" stores the bytes of the numbers, "png",
            "jpeg" or "wav" the bytes of a file of that format, and "image" the bytes of a PNG or JPEG file.
        sequence: If `True`, the feature is in the feature lists of a `tf.train.SequenceExample`, and `shape` is the
            shape of each step.
        optional: If `True`, examples may lack the feature.
        labels: Class names, if the value is a class index.
        default: Value that `examples` returns if an example lacks the optional feature, so that the tensor is dense: a
            string, a number, or "nan" for numbers. Integers with the default "nan" are read as floats; see
            `tensor_dtype`.
        format: Format of dates and times that are written as strings: "date", "datetime" or "time" for ISO 8601, or a
            format of `datetime.strptime` with a date, such as "%d.%m.%Y". Dates are stored as days since 1970-01-01,
            and dates with times as seconds since then, in UTC unless the strings have an offset. Times of day are
            stored as seconds since midnight. Fractions of seconds require the dtype float64.

    Raises:
        ValueError: If the attributes are invalid or incompatible.

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
    default: str | float | None = None
    format: str = ""

    def __post_init__(self) -> None:
        check(self.dtype in DTYPES, "dtype", self.dtype, " or ".join(DTYPES), did_you_mean(str(self.dtype), DTYPES))
        sizes = all(size is None or (isinstance(size, int) and size >= 0) for size in self.shape)
        check(sizes, "shape", self.shape, "a list of sizes, with null for variable sizes")
        check(self.encoding in ENCODINGS, "encoding", self.encoding, " or ".join(filter(None, ENCODINGS)))
        numbers = self.dtype not in STRINGS
        if self.encoding in IMAGES:
            sound = len(self.shape) == 3 and (self.dtype == "uint8" or (self.dtype, self.encoding) == ("uint16", "png"))
            check(sound, "shape", self.shape, "(height, width, channels) with dtype uint8, or uint16 for PNG")
            known = (None, 1, 3) if self.encoding == "jpeg" else (None, 1, 3, 4)  # those of TensorFlow's decoder
            expected = f"have {' or '.join(map(str, known[1:]))} channels, or null, for {self.encoding} files"
            check(self.shape[2] in known, "shape", self.shape, expected)
        check(not self.encoding or numbers, "encoding", self.encoding, f"omitted for dtype {self.dtype}")
        remedy = "use null for at most one size"
        check(
            not (self.sequence and self.is_shaped),
            "shape",
            self.shape,
            "a list with at most one variable size if the feature is a sequence",
            remedy,
        )
        whole = self.dtype in INTEGERS and not self.shape
        check(not self.labels or whole, "labels", self.labels, "omitted unless the feature is a single integer")
        texts = all(isinstance(label, str) for label in self.labels)
        check(texts and len(set(self.labels)) == len(self.labels), "labels", self.labels, "distinct strings")
        for name in ("sequence", "optional"):
            check(isinstance(getattr(self, name), bool), name, getattr(self, name), "true or false")
        if self.format:
            check_format(self.format)
            number = self.dtype in ("int64", "float64") and not (self.encoding or self.labels)
            check(number, "format", self.format, "omitted unless the dtype is int64 or float64, without labels")
        if self.default is not None:
            self._check_default()

    def _check_default(self) -> None:
        """Raises an error if the feature cannot have a default, or if the default does not fit the dtype."""
        plain = not (self.encoding or self.sequence or self.dtype in COMPLEX) and None not in self.shape
        remedy = "omit the default, or set `optional: true`" if plain else ""
        expected = "omitted unless the feature is optional, of fixed size, and not complex, encoded or a sequence"
        check(plain and self.optional, "default", self.default, expected, remedy)
        if self.dtype in STRINGS:
            check(isinstance(self.default, str), "default", self.default, f"a string for dtype {self.dtype}")
            return
        if isinstance(self.default, float) and math.isnan(self.default):
            object.__setattr__(self, "default", NAN)  # the class is frozen
        if self.default == NAN:
            return
        fits = isinstance(self.default, int | float) and _fits(self.default, self.dtype)
        check(fits, "default", self.default, f'a value of dtype {self.dtype}, or "nan"')

    @property
    def tensor_dtype(self) -> str:
        """Dtype of the tensor that `examples` returns.

        It is `dtype`, except that integers with the default "nan" become floats that can represent NaN: float32 for up
        to 16 bits and bool, otherwise float64, which pandas uses as well and which is exact up to 2**53.
        """
        if self.default != NAN or self.dtype in (*FLOATS, "float64", *STRINGS):
            return self.dtype
        return "float32" if np.dtype(self.dtype).itemsize <= 2 else "float64"

    @property
    def time_unit(self) -> str:
        """Unit of the numbers that represent dates or times: "days" or "seconds"; empty without a `format`."""
        return unit_of(self.format) if self.format else ""

    @property
    def kind(self) -> str:
        """Storage type of the feature: "bytes", "float" or "int64"."""
        if self.encoding or self.dtype in STRINGS or self.is_raw:
            return "bytes"
        return "float" if self.dtype in FLOATS else "int64"

    @property
    def is_raw(self) -> bool:
        """`True` if the numbers are stored as raw bytes in little-endian order."""
        by_itself = not self.encoding and self.dtype not in STRINGS and (self.dtype in WIDE or self.is_shaped)
        return self.encoding == "raw" or by_itself

    @property
    def is_shaped(self) -> bool:
        """`True` if the shape of each value is also stored, because several dimensions vary."""
        return self.shape.count(None) > 1 and (not self.encoding or self.encoding == "raw")


@dataclass(frozen=True)
class Schema:
    """Schema of the examples in a data set.

    Attributes:
        features: Name of each feature mapped to the feature.
        sparse: Name of each sparse vector mapped to its size. It is read from the features `NAME/indices`, which
            increase and start from 0 or above, and `NAME/values`, of the same length.
        csv: Options with which CSV files of this schema are read, such as `{"delimiter": ";"}`; see `open_source`.

    Raises:
        ValueError: If the features of a sparse vector are missing, or its size is invalid.

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
    csv: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, size in self.sparse.items():
            check(isinstance(size, int) and size > 0, f"sparse[{name}]", size, "a positive integer")
            parts = [self.features.get(name + part) for part in (INDICES, VALUES)]
            lists = [part for part in parts if part and part.shape == (None,) and not (part.is_raw or part.sequence)]
            fits = len(lists) == 2 and lists[0].dtype in INTEGERS
            expected = (
                f"stored as the integer feature {name}{INDICES} and the feature {name}{VALUES}, both of shape [null]"
            )
            check(fits, f"sparse feature {name}", Verbatim(", ".join(self.features)), expected)

    def require(self, names: Iterable[str]) -> "Schema":
        """Returns a schema in which features are not optional, such as the label.

        `convert` rejects rows that lack them, and `examples` raises an error for such examples.

        Args:
            names: Names of the features.

        Returns:
            A new `Schema`.

        Raises:
            ValueError: If a name is not a feature of the schema.

        Example:
            >>> schema = Schema({"label": Feature("int64", optional=True, default="nan")})
            >>> schema.require(["label"]).features["label"] == Feature("int64")
            True
        """
        names = list(names)
        for name in names:
            known = ", ".join(self.features)
            remedy = did_you_mean(name, self.features)
            check(name in self.features, "required", name, f"contain only features of the schema ({known})", remedy)
        needed = {name: dataclasses.replace(self.features[name], optional=False, default=None) for name in names}
        return dataclasses.replace(self, features={**self.features, **needed})

    def to_yaml(self) -> str:
        """Returns the schema as YAML, omitting attributes with default values."""
        names = {name: _flow(name) if name.isprintable() else json.dumps(name) for name in self.features}
        lines = [f"  {names[name]}: {_flow(_changed(feature))}\n" for name, feature in self.features.items()]
        sparse = f"sparse: {_flow(dict(self.sparse))}\n" if self.sparse else ""
        csv = f"csv: {_flow(dict(self.csv))}\n" if self.csv else ""
        return ("features:\n" + "".join(lines) if lines else "features: {}\n") + sparse + csv

    @classmethod
    def from_yaml(cls, text: str) -> "Schema":
        """Parses a schema from YAML in the format of `to_yaml`.

        Args:
            text: YAML document that describes the schema.

        Returns:
            The `Schema`.

        Raises:
            ValueError: If `text` is not a valid schema; the message lists all mistakes.
        """
        try:
            content = parse_yaml(text, _Loader)
        except yaml.YAMLError as error:
            where = " ".join(str(error).split())
            raise ArgumentError(f"The schema is not valid YAML: {where}") from None
        known = isinstance(content, dict) and isinstance(content.get("features"), dict)
        check(
            known,
            "schema",
            content,
            "a mapping with the key `features` and, as its value, a mapping of names to feature descriptions",
        )
        features, mistakes = {}, []
        for name, fields in content["features"].items():
            try:
                features[name] = _feature(fields)
            except ArgumentError as error:
                mistakes.append(f"{name}: {error}")
        if mistakes:
            raise ArgumentError("\n".join(mistakes))
        sparse = content.get("sparse") or {}
        check(isinstance(sparse, dict), "sparse", sparse, "a mapping of names to sizes")
        csv = content.get("csv") or {}
        check(isinstance(csv, dict), "csv", csv, "a mapping of options to values")
        return cls(features, sparse, csv)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the schema to a YAML file."""
        with replace_file(path) as draft:
            draft.write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Schema":
        """Reads a schema from a YAML file.

        Raises:
            ValueError: If the file is not a valid schema; the message has the path and lists all mistakes.
        """
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"))
        except (ArgumentError, UnicodeDecodeError) as error:
            raise ArgumentError(f"{path}: {error}") from None


class _Loader(LimitedLoader):
    """YAML loader that reads all keys as strings, including `yes` and `1`, and rejects duplicate keys."""

    max_size, max_scalar, max_nodes = 10_000_000, 10_000_000, 200_000  # for tables of many columns

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(names) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a feature name must be a string", node.start_mark)
        double = next((name for name, count in Counter(names).items() if count > 1), None)
        if double is not None:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate feature `{double}`", node.start_mark)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def _fits(value: Any, dtype: str) -> bool:
    """Returns `True` if a numeric dtype can represent a value, apart from the rounding of decimals."""
    if isinstance(value, bool) or dtype == "bool":
        return dtype == "bool" and value in (0, 1)
    if dtype in (*INTEGERS, "uint64"):
        limits = np.iinfo(dtype)
        return isinstance(value, int) and limits.min <= value <= limits.max
    return bool(np.isfinite(np.asarray(value, dtype))) or math.isinf(value)


FIELDS = tuple(one.name for one in dataclasses.fields(Feature))


def _changed(feature: Feature) -> dict[str, Any]:
    values = {one.name: (getattr(feature, one.name), one.default) for one in dataclasses.fields(feature)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, (value, usual) in values.items()
        if value != usual
    }


def _flow(value: Any) -> str:
    """Returns a value as YAML on a single line."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _feature(fields: Any) -> Feature:
    check(
        isinstance(fields, dict) and "dtype" in fields,
        "feature",
        fields,
        "a mapping with `dtype` and, optionally, other fields",
    )
    for name in fields:
        check(
            name in FIELDS,
            str(name),
            fields[name],
            f"omitted (the fields of a feature are {', '.join(FIELDS)})",
            did_you_mean(str(name), FIELDS),
        )
    lists = {name: fields[name] or [] for name in ("shape", "labels") if name in fields}
    for name, value in lists.items():
        check(isinstance(value, list), name, value, "a list")
    lists = {name: tuple(value) for name, value in lists.items()}
    return Feature(**{**fields, **lists})
