"""Interpreter for the pickles that describe tensors of PyTorch.

It knows the opcodes and the three kinds of globals that such pickles need, and imports nothing. A pickle with anything
else is refused, so that a file of unknown origin can neither execute code nor create other objects.
"""

import pickletools
from dataclasses import dataclass
from typing import IO

import numpy as np

ORDERED_DICT = "collections OrderedDict"
REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
STORAGES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


class RefusedError(ValueError):
    """Error raised for a file of unexpected form. The message is a relative clause, such as "which is truncated"."""


@dataclass(frozen=True)
class Storage:
    """Description of an array of values, which follows the pickles.

    Attributes:
        key: Key of the storage, by which tensors refer to it.
        dtype: Dtype of the values.
        count: Number of values.
    """

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Tensor:
    """Description of a tensor, a view of a storage.

    Attributes:
        storage: Storage that contains the values.
        offset: Index of the first value in the storage.
        size: Shape of the tensor.
        stride: Distance of consecutive values along each axis, in values.
    """

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    """Name of a function or class. Only the opcode GLOBAL creates one, so that strings cannot be called."""

    name: str


def read_pickle(stream: IO[bytes]) -> object:
    """Returns the object that the next pickle of a stream describes, which consists of dicts, lists, tuples, strings,
    integers and tensors.

    Raises:
        RefusedError: If the pickle contains other objects.
        IndexError, KeyError, TypeError, ValueError: If the pickle is damaged.
    """
    stack: list[object] = []
    marks: list[int] = []
    memo: dict[object, object] = {}

    def pop_to_mark(start: int | None = None) -> list[object]:
        start = marks.pop() if start is None else len(stack) - start
        items = stack[start:]
        del stack[start:]
        return items

    for opcode, argument, _ in pickletools.genops(stream):
        match opcode.name:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "MARK":
                marks.append(len(stack))
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = opcode.name.removeprefix("TUPLE")
                stack.append(tuple(pop_to_mark(int(length) if length else None)))
            case "EMPTY_DICT":
                stack.append({})
            case "SETITEM" | "SETITEMS":
                items = pop_to_mark(2 if opcode.name == "SETITEM" else None)
                _update(stack[-1], items)
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND" | "APPENDS":
                items = pop_to_mark(1 if opcode.name == "APPEND" else None)
                _extend(stack[-1], items)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_global(str(argument)))
            case "REDUCE":
                function, arguments = pop_to_mark(2)
                stack.append(_call(function, arguments))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "BUILD":
                stack.pop()  # attributes of the dictionary, which describe the versions of layers
            case "STOP":
                (result,) = stack
                return result
            case name:
                given = "" if argument is None else f" {str(argument)[:100]!r}"
                raise RefusedError(f"which uses the pickle opcode {name}{given}")
    raise RefusedError("which is truncated")


def _global(name: str) -> _Global:
    if name not in (ORDERED_DICT, REBUILD_TENSOR, *STORAGES):
        raise RefusedError(f"which refers to the global {name.replace(' ', '.')[:100]}")
    return _Global(name)


def _call(function: object, arguments: object) -> object:
    """Returns the result of one of the two functions that may be called."""
    if function == _Global(ORDERED_DICT) and isinstance(arguments, tuple) and not arguments:
        return {}
    if function == _Global(REBUILD_TENSOR) and isinstance(arguments, tuple):
        # The other arguments concern gradients.
        storage, offset, size, stride, *_ = arguments
        if isinstance(storage, Storage) and _are_integers((offset,)) and _are_integers(size) and _are_integers(stride):
            return Tensor(storage, offset, size, stride)
    raise RefusedError("which calls a function with unexpected arguments")


def _storage(identifier: object) -> Storage:
    """Returns the storage of a persistent identifier: a tag, the type, the key, the device, the count, and `None`."""
    if isinstance(identifier, tuple) and len(identifier) == 6:
        tag, kind, key, device, count, view = identifier
        texts = isinstance(tag, str) and isinstance(key, str) and isinstance(device, str)
        known = isinstance(kind, _Global) and kind.name in STORAGES
        if texts and tag == "storage" and known and _are_integers((count,)) and view is None:
            return Storage(key, STORAGES[kind.name], count)
    raise RefusedError("which contains a storage of unexpected form")


def _update(target: object, items: list[object]) -> None:
    """Adds keys and values to a dictionary. Other keys than strings could take exponential time to hash."""
    keys, values = items[::2], items[1::2]
    if not isinstance(target, dict) or not all(isinstance(key, str) for key in keys):
        raise RefusedError("which contains a dictionary of unexpected form")
    target.update(zip(keys, values, strict=True))


def _extend(target: object, items: list[object]) -> None:
    if not isinstance(target, list):
        raise RefusedError("which contains a list of unexpected form")
    target.extend(items)


def _are_integers(values: object) -> bool:
    """Returns `True` for a tuple of nonnegative integers."""
    return isinstance(values, tuple) and all(type(value) is int and value >= 0 for value in values)
