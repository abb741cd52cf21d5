"""Configuration and constants of a recipe file, without the import of TensorFlow, Keras and other large packages."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

PACKAGES = ("jsonargparse", "numpy")
OWN_PACKAGES = ("tensorsmith.core", "tensorsmith.recipes", "tensorsmith.runs", "tensorsmith.tuning")


def load_declarations(tree: ast.Module, path: Path, name: str) -> ModuleType | None:
    """Execute the class `Config` and the upper-case constants of a recipe file, and the definitions that they use.

    Args:
        tree: Syntax tree of the file.
        path: Path of the file.
        name: Name of the module in `sys.modules`.

    Returns:
        Module that contains these definitions, or `None` if the whole file is required, because they use a package
        other than NumPy, jsonargparse and those of `OWN_PACKAGES`, because another statement may change them, or
        because their execution fails.
    """
    statements = _definitions(tree)
    needed = _needed(statements) if statements is not None else None
    if needed is None or not all(map(_is_fast, needed)):
        return None
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses and get_type_hints look for the names in annotations
    try:
        code = compile(ast.Module(needed, []), str(path), "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - as an import does
        get_type_hints(vars(module)["Config"])
    except Exception:  # noqa: BLE001 - the import of the whole file either succeeds or raises the error
        del sys.modules[name]
        return None
    return module


def _definitions(tree: ast.Module) -> list[ast.stmt] | None:
    """Return the statements that define names, or `None` if an import executes others, such as loops."""
    found: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += _one_by_one(node)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
            found.append(node)
        elif not _has_no_effect(node):
            return None
    return found


def _one_by_one(node: ast.Import | ast.ImportFrom) -> Iterator[ast.stmt]:
    """Yield a statement for each name that a statement imports."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield ast.copy_location(ast.Import([alias]), node)
        else:
            yield ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node)


def _has_no_effect(node: ast.stmt) -> bool:
    """Return `True` for docstrings, and for blocks that only scripts or type checkers execute."""
    if isinstance(node, ast.If):
        return not node.orelse and ast.unparse(node.test) in ("__name__ == '__main__'", "TYPE_CHECKING")
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _needed(statements: Sequence[ast.stmt]) -> list[ast.stmt] | None:
    """Return the statements that define `Config`, the constants and what they use, in their order in the file.

    Returns `None` if other statements call functions that may change them.
    """
    defining = defaultdict(set)
    for node in statements:
        for name in _defined_names(node):
            defining[name].add(node)

    def used(nodes: Iterable[ast.AST]) -> set[ast.stmt]:
        """Return the definitions of the names in syntax trees, and of the names in these definitions."""
        found: set[ast.stmt] = set()
        waiting = list(nodes)
        while waiting:
            names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)}
            new = set[ast.stmt]().union(*(defining[name] for name in names if name in defining)) - found
            found |= new
            waiting += new
        return found

    roots = defining["Config"].union(filter(_is_constant, statements))
    needed = roots | used(roots)
    own = {node for node in needed if not isinstance(node, ast.Import | ast.ImportFrom)}
    for node in statements:
        if node not in needed and used(_calls_on_import(node)) & own:
            return None
    return [node for node in statements if node in needed or _is_future(node)]


def _calls_on_import(node: ast.stmt) -> list[ast.expr]:
    """Return the decorators and calls that the import of the file executes."""
    if isinstance(node, ast.FunctionDef):
        return node.decorator_list
    if isinstance(node, ast.ClassDef):
        return node.decorator_list + [call for part in node.body for call in _calls_on_import(part)]
    return [part for part in ast.walk(node) if isinstance(part, ast.Call)]


def _defined_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines or changes."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    assert isinstance(node, ast.Assign | ast.AnnAssign)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and any(name.isupper() for name in _defined_names(node))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_fast(node: ast.stmt) -> bool:
    """Return `True` unless a statement imports a large package, or a file next to the recipe."""
    if isinstance(node, ast.Import):
        module = node.names[0].name
    elif isinstance(node, ast.ImportFrom):
        module = f"{node.module}.{node.names[0].name}" if node.module == "tensorsmith" else node.module or ""
        if node.level:
            return False
    else:
        return True
    own = f"{module}.".startswith(tuple(f"{package}." for package in OWN_PACKAGES))
    return own or module.partition(".")[0] in {*PACKAGES, *sys.stdlib_module_names}
