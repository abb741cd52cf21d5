"""Arrow representation of number types without an Arrow type: complex numbers and bfloat16."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

COMPLEX_TYPES = {
    name: pa.struct([("real", part), ("imag", part)])
    for name, part in (("complex64", pa.float32()), ("complex128", pa.float64()))
}


def to_arrow(numbers: np.ndarray) -> Any:
    """Converts a one-dimensional array of any numeric dtype to an Arrow array."""
    if numbers.dtype.kind == "c":
        return pa.StructArray.from_arrays([pa.array(numbers.real), pa.array(numbers.imag)], ["real", "imag"])
    return pa.array(numbers.astype("float32") if numbers.dtype.name == "bfloat16" else numbers)


def is_complex(kind: Any) -> bool:
    """Returns `True` if an Arrow type represents complex numbers."""
    return kind in COMPLEX_TYPES.values()


def complex_from_arrow(column: Any) -> np.ndarray:
    """Converts an Arrow column of complex numbers to NumPy, with nulls replaced by 0."""
    real, imag = (np.asarray(pc.fill_null(pc.struct_field(column, part), 0)) for part in ("real", "imag"))
    numbers = np.empty(len(real), np.result_type(real, "complex64"))
    numbers.real, numbers.imag = real, imag  # `real + 1j * imag` would turn infinite parts into NaN
    return numbers
