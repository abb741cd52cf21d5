"""Check that an import path names a Keras callback, before its module is imported, which executes the module."""

import ast
import re
import sys
from importlib.machinery import ModuleSpec, PathFinder
from itertools import accumulate
from pathlib import Path

from tensorsmith.core import argument_error, check
from tensorsmith.recipes.trust import REMEDY

KNOWN = ("keras", "tensorflow", "tensorsmith")  # packages that are imported without an examination of their source
PRIVATE = re.compile(rf"({'|'.join(KNOWN)})\.(.*\.)?(src|python|_\w*)\.")  # modules that could end the process
MOST_CLASSES = 50  # base classes and imported names that are examined


def check_source(path: str) -> None:
    """Raise an error unless the source of an installed module defines a Keras callback. The module is not imported.

    Modules that have been imported already are not examined, nor are those of Keras, TensorFlow and tensorsmith.

    Args:
        path: Import path of the callback.

    Raises:
        ValueError: If the module does not define a class of this name that has a callback as base class, or import it
            from a module that does, or if it is a private module of Keras, TensorFlow or tensorsmith.
    """
    module, _, name = path.rpartition(".")
    remedy = f"use the public name, such as keras.callbacks.{name}"
    check(not PRIVATE.match(path), "callbacks", path, "the import path of a callback in a public module", remedy)
    if module in sys.modules or _is_callback(module, name, set()):
        return
    remedy = f"its module does not define such a class. If its source cannot be examined, {REMEDY}"
    if _find(module) is None:
        remedy = f"check the path, and install its package: no module named {module} was found"
    raise argument_error("callbacks", path, "the import path of a Keras callback", remedy)


def _is_callback(module: str, name: str, seen: set[tuple[str, str]]) -> bool:
    """Return `True` if the source of a module defines or imports a class `name` that has a callback as base class.

    Args:
        module: Name of the module.
        name: Name of the class.
        seen: Modules and names that have been examined, to which this one is added.
    """
    if module.partition(".")[0] in KNOWN:
        return True
    spec = _find(module)
    known = (module, name) in seen or len(seen) >= MOST_CLASSES
    seen.add((module, name))
    if known or spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return False
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):  # imports may be inside of `try`
        if isinstance(node, ast.ClassDef) and node.name == name:
            bases = [ast.unparse(base) for base in node.bases]
            return any("callbacks." in base or _is_callback(module, base, seen) for base in bases)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _is_callback(_absolute(node, module, spec), alias.name, seen)
    return False


def _absolute(node: ast.ImportFrom, module: str, spec: ModuleSpec) -> str:
    """Return the absolute name of the module from which a module imports."""
    if not node.level:
        return node.module or ""
    up = node.level - (spec.submodule_search_locations is not None)  # a package is the parent of its modules
    parents = module.split(".")
    return ".".join([*parents[: len(parents) - up], *([node.module] if node.module else [])])


def _find(module: str) -> ModuleSpec | None:
    """Return the location of a module, without importing the packages that contain it."""
    spec, path = None, None
    for name in accumulate(module.split("."), "{}.{}".format):
        if path is None and spec is not None:
            return None  # the parent is not a package
        try:
            spec = PathFinder.find_spec(name, path)
        except (ImportError, KeyError, ValueError):  # of a namespace package whose parent has not been imported
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec
