"""Reading of tensors from files that `torch.save` wrote in its legacy format, without PyTorch.

Such a file consists of five pickles (a magic number, the version of the format, a description of the machine, the saved
object, and the keys of the storages), and the number and values of each storage.
"""

import io
import math
from pathlib import Path

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error
from tensorsmith.data.pretrained.tensor_pickle import RefusedError, Storage, Tensor, read_pickle

START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""First pickle, the magic number of the format."""
VERSION = 1001
LARGEST_HEADER = 1 << 20
"""Maximum number of bytes of the pickles, which limits the memory that damaged or hostile ones can use."""
DAMAGE = (IndexError, KeyError, OverflowError, TypeError, ValueError)
"""Errors of pickles and sizes that do not have the expected form."""


def read_torch_archive(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors in a file of `torch.save`, by name and in the order of the file.

    Only dictionaries of tensors of type float32 or int64, in the legacy format, are supported. The arrays have the
    strides of the tensors, and share memory if these share a storage.

    Args:
        path: Path of the file.

    Raises:
        UnreadableFileError: If the file has another format, is damaged, or contains objects of other types.
    """
    content = path.read_bytes()
    try:
        if not content.startswith(START):
            raise RefusedError("which has another format")
        header = io.BytesIO(content[:LARGEST_HEADER])
        _, version, machine, saved, keys = (read_pickle(header) for _ in range(5))
        if version != VERSION or not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise RefusedError("which has another version or byte order")
        tensors = _tensors(saved)
        values = _values(_storages(tensors), keys, memoryview(content)[header.tell() :])
        return {name: _view(name, tensor, values) for name, tensor in tensors.items()}
    except DAMAGE as error:
        reason = error if isinstance(error, RefusedError) else f"which is damaged: {error}"
        received = Verbatim(f"{path}, {reason}")
        expected = "a dictionary of tensors in the legacy format of torch.save"
        raise UnreadableFileError.like(argument_error("file", received, expected)) from error


def _tensors(saved: object) -> dict[str, Tensor]:
    if not isinstance(saved, dict) or not all(isinstance(value, Tensor) for value in saved.values()):
        raise RefusedError("which contains other objects than a dictionary of tensors")
    return saved


def _storages(tensors: dict[str, Tensor]) -> dict[str, Storage]:
    """Returns the storages of all tensors by key."""
    storages: dict[str, Storage] = {}
    for tensor in tensors.values():
        if storages.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise RefusedError(f"which contains two storages with the key {tensor.storage.key}")
    return storages


def _values(storages: dict[str, Storage], keys: object, content: memoryview) -> dict[str, np.ndarray]:
    """Returns the values of each storage.

    Args:
        storages: Descriptions of the storages, by key.
        keys: Keys in the order of the file.
        content: Part of the file with the values.
    """
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise RefusedError("which contains other storages than those of the tensors")
    values, start = {}, 0
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(content[start : start + 8], "little")
        end = start + 8 + storage.count * storage.dtype.itemsize
        if end > len(content):
            raise RefusedError("which is truncated")
        if count != storage.count:
            raise RefusedError(f"which has {count:,} values in a storage of {storage.count:,}")
        values[key] = np.frombuffer(content[start + 8 : end], storage.dtype).copy()  # aligned, unlike the file
        start = end
    if start != len(content):
        raise RefusedError(f"which has {len(content) - start:,} bytes after the last storage")
    return values


def _view(name: str, tensor: Tensor, values: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the array of a tensor. Arrays larger than their storage, with strides of 0, are refused."""
    buffer, item = values[tensor.storage.key], tensor.storage.dtype.itemsize
    steps = zip(tensor.size, tensor.stride, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if 0 in tensor.size or last >= len(buffer) or math.prod(tensor.size) > len(buffer):
        raise RefusedError(f"which contains the tensor {name[:100]!r} of a shape that its storage does not have")
    strides = [item * stride for stride in tensor.stride]
    return np.ndarray(tensor.size, tensor.storage.dtype, buffer, item * tensor.offset, strides)
