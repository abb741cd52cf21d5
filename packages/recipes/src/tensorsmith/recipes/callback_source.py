"""Check that an import path names a Keras callback, before its module is imported, which executes the module."""

import ast
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from itertools import accumulate
from pathlib import Path

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.recipes.trust import REMEDY

KNOWN = ("keras", "tensorflow", "tensorsmith")  # packages that are imported without an examination of their source
PRIVATE = re.compile(rf"({'|'.join(KNOWN)})\.(.*\.)?(src|python|_\w*)\.")  # modules that could end the process
MOST_CLASSES = 50  # base classes and imported names that are examined


def check_source(path: str, excluded: Sequence[Path] = ()) -> None:
    """Raise an error unless the source of an installed module defines a Keras callback. The module is not imported.

    Modules that have been imported already are not examined, nor is the source of Keras, TensorFlow and tensorsmith.

    Args:
        path: Import path of the callback.
        excluded: Folders from which no module is imported, such as a run folder of somebody else. The module search
            path of Python can contain them or their parents.

    Raises:
        ValueError: If the module does not define a class of this name that has a callback as base class, or import it
            from a module that does, if it is a private module of Keras, TensorFlow or tensorsmith, or if it or a
            package that contains it is in an excluded folder.
    """
    module, _, name = path.rpartition(".")
    remedy = f"use the public name, such as keras.callbacks.{name}"
    check(not PRIVATE.match(path), "callbacks", path, "the import path of a callback in a public module", remedy)
    if module in sys.modules:
        return
    specs = _find(module)
    inside = [place for spec in specs for place in _places(spec) if _is_in(place, excluded)]
    received = Verbatim(f"{path!r}, whose module is in {', '.join(sorted(set(inside)))}")
    expected = "the import path of a callback outside of the run folder and of the folder of the configuration"
    check(not inside, "callbacks", received, expected, f"move the module, or {REMEDY}")
    if _is_callback(module, name, set()):
        return
    remedy = f"its module does not define such a class. If its source cannot be examined, {REMEDY}"
    if not specs:
        remedy = f"check the path, and install its package: no module named {module} was found"
    raise argument_error("callbacks", path, "the import path of a Keras callback", remedy)


def _places(spec: ModuleSpec) -> list[str]:
    """Return the file of a module, or the folders of a namespace package, to which several installations can add."""
    has_file = spec.origin is not None and spec.has_location
    return [str(spec.origin)] if has_file else [str(place) for place in spec.submodule_search_locations or ()]


def _is_in(place: str, folders: Sequence[Path]) -> bool:
    """Return `True` if a path is in one of the folders, but not in an environment of Python which that contains.

    For example, a configuration file may be in the home directory of the user.
    """
    entries = [Path(entry or ".").resolve() for entry in sys.path]
    for path in {Path(place).absolute(), Path(os.path.realpath(place))}:
        for root in {form for folder in folders for form in (folder.absolute(), Path(os.path.realpath(folder)))}:
            within = [entry for entry in entries if entry != root and entry.is_relative_to(root)]
            if path.is_relative_to(root) and not any(map(path.is_relative_to, within)):
                return True
    return False


def _is_callback(module: str, name: str, seen: set[tuple[str, str]]) -> bool:
    """Return `True` if the source of a module defines or imports a class `name` that has a callback as base class.

    Args:
        module: Name of the module.
        name: Name of the class.
        seen: Modules and names that have been examined, to which this one is added.
    """
    if module.partition(".")[0] in KNOWN:
        return True
    spec = next(iter(_find(module)[::-1]), None)
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


def _find(module: str) -> list[ModuleSpec]:
    """Return the locations of the packages that contain a module and of the module itself, without importing them.

    The list is empty if one of them does not exist.
    """
    specs: list[ModuleSpec] = []
    path: Sequence[str] | None = None
    for name in accumulate(module.split("."), "{}.{}".format):
        if path is None and specs:
            return []  # the parent is not a package
        try:
            spec = PathFinder.find_spec(name, path)
        except KeyError:  # a namespace package in another one that has not been imported
            spec = ModuleSpec(name, None, is_package=True)
            folders = [Path(place) / name.rpartition(".")[2] for place in path or ()]
            spec.submodule_search_locations = [str(folder) for folder in folders if folder.is_dir()]
        except (ImportError, ValueError):
            return []
        if spec is None:
            return []
        specs.append(spec)
        path = spec.submodule_search_locations
    return specs
