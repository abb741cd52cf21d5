"""Inference of a lossless numeric dtype for a column of strings."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WORDS = (("false", "true"), ("no", "yes"), ("n", "y"))  # pairs of strings that are read as bool, in any case
PADDED = r"^[+-]?0[0-9xX]"  # numbers with leading zeros, such as postal codes, and hexadecimal numbers
INTEGER = r"^[+-]?[0-9]+$"


class Numbers:
    """Inference of the narrowest dtype that represents all strings in a column, batch by batch.

    The dtype is bool for `true` and `false`, for `yes` and `no`, and for `y` and `n` if both strings occur; int64, or
    else uint64, for integers; float32 if it reproduces each number to the last digit written, otherwise float64; and
    string for everything else, including numbers that none of these dtypes can represent.

    Example:
        >>> numbers = Numbers()
        >>> numbers.add(pa.array(["1", "2.5"]))
        >>> numbers.dtype
        'float32'
        >>> numbers.add(pa.array(["0.30000000000000004"]))
        >>> numbers.dtype
        'float64'
        >>> numbers.add(pa.array(["n/a"]))
        >>> numbers.dtype
        'string'
    """

    def __init__(self) -> None:
        self._possible = ["bool", "int64", "uint64", "float32", "float64", "string"]
        self._words: set[str] = set()  # strings that represent a bool, in lower case

    @property
    def dtype(self) -> str:
        """Narrowest dtype that represents all strings that have been added."""
        # A column of only "no" or "N" may be a country or a code.
        is_single = self._possible[0] == "bool" and len(self._words) == 1 and not self._words <= {*WORDS[0]}
        return "string" if is_single else self._possible[0]

    @property
    def words(self) -> tuple[str, str] | None:
        """Strings for false and true of a column of dtype bool, otherwise `None`."""
        return next((pair for pair in WORDS if self._words <= {*pair}), None) if self.dtype == "bool" else None

    def add(self, texts: Any) -> None:
        """Updates the inference with a batch of strings.

        Args:
            texts: Arrow array of strings without nulls.
        """
        if len(texts) == 0 or self._possible[0] == "string":
            return
        if "bool" in self._possible:
            known = pa.array([word for pair in WORDS for word in pair], texts.type)
            lower = pc.utf8_lower(texts)
            is_words = pc.all(pc.is_in(lower, known)).as_py()
            words = self._words | set(pc.unique(lower).to_pylist() if is_words else ())
            self._keep("bool", is_words and any(words <= {*pair} for pair in WORDS))
            self._words = words
        if pc.any(pc.match_substring_regex(texts, PADDED)).as_py():
            self._possible = [name for name in self._possible if name in ("bool", "string")]
        for name in ("int64", "uint64"):
            self._keep(name, name in self._possible and _cast(texts, name) is not None)
        if "float64" not in self._possible:
            return
        # Floats are only possible if float64 rounds no integer and overflows for no number.
        exact = _cast(texts, "float64")
        if exact is None or _has_large_integers(texts, exact) or _has_huge_floats(texts, exact):
            self._keep("float64", False)
            self._keep("float32", False)
        else:
            self._keep("float32", "float32" in self._possible and _fits_float32(texts, exact))

    def try_add(self, texts: Any) -> bool:
        """Updates the inference with a batch of strings, unless a numeric dtype would become impossible.

        Returns:
            `True` if the inference was updated.
        """
        before = list(self._possible), self._words
        self.add(texts)
        if self._possible[0] == "string":
            self._possible, self._words = before
            return False
        return True

    def _keep(self, name: str, possible: bool) -> None:
        if name in self._possible and not possible:
            self._possible.remove(name)


def _cast(texts: Any, dtype: str) -> Any:
    """Converts strings to numbers, or returns `None` if a string is invalid for the dtype."""
    try:
        return texts.cast(dtype).to_numpy()
    except pa.ArrowInvalid:
        return None


def _has_large_integers(texts: Any, exact: np.ndarray) -> bool:
    """Returns `True` if strings contain integers that are too large for exact float64 values."""
    large = np.isfinite(exact) & (np.abs(exact) > 2**53)
    return bool(large.any()) and bool(pc.any(pc.match_substring_regex(texts.filter(pa.array(large)), INTEGER)).as_py())


def _has_huge_floats(texts: Any, exact: np.ndarray) -> bool:
    """Returns `True` if strings contain finite numbers that are too large for float64."""
    beyond = np.isinf(exact)
    return (
        bool(beyond.any())
        and not pc.all(pc.match_substring(texts.filter(pa.array(beyond)), "inf", ignore_case=True)).as_py()
    )


def _fits_float32(texts: Any, exact: np.ndarray) -> bool:
    """Returns `True` if float32 represents each number to within half a unit of the last digit in its string."""
    finite = np.isfinite(exact)
    scientific = np.asarray(pc.match_substring(texts, "e", ignore_case=True)) & finite
    sizes, points = np.asarray(pc.binary_length(texts)), np.asarray(pc.find_substring(texts, "."))
    digits = np.where(points < 0, 0, points + 1 - sizes)  # power of ten of the last digit
    if scientific.any():
        digits[scientific] = _last_digits(texts.filter(pa.array(scientific)))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        away = np.abs(exact.astype("float32").astype("float64") - exact)
        most = 0.5 * 10.0**digits + np.spacing(np.abs(exact))  # plus the rounding error of float64 itself
        return bool((away <= most)[finite].all())


def _last_digits(texts: Any) -> np.ndarray:
    """Returns the decimal exponent of the last digit of each number, given strings in scientific notation."""
    parts = pc.extract_regex(texts, r"^[+-]?[0-9]*\.?(?P<decimals>[0-9]*)[eE]\+?(?P<exponent>-?[0-9]+)$")
    exponents = np.asarray(parts.field("exponent").cast("float64"))
    return np.clip(exponents - np.asarray(pc.binary_length(parts.field("decimals"))), -400, 400)
