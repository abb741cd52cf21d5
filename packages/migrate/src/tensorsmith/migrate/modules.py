"""Imports between the modules of a project, which pass names of TensorFlow Addons on to each other."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.parsing import syntax_tree

PACKAGES = (PACKAGE, "tensorflow", "keras")


@dataclass
class Globals:
    """Global names and imports of a module, in types that JSON has."""

    origins: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # "" for objects of the module
    stars: list[str] = field(default_factory=list)  # modules of which all names are imported
    public: list[str] | None = None  # names in `__all__`
    imported: list[str] = field(default_factory=list)  # modules and objects that are imported anywhere


class Modules:
    """Modules among the scripts of a project, before any of them is changed.

    Args:
        modules: Global names and imports of the modules, by their resolved paths.
    """

    def __init__(self, modules: Mapping[Path, Globals]):
        self._globals = modules
        self._names: dict[Path, dict[str, str]] = {}

    def origin(self, script: Path, name: str) -> str:
        """Return the qualified name in TensorFlow or Keras of an object that a script imports, or an empty string.

        Args:
            script: Resolved path of the importing script.
            name: Qualified name of the object, such as `module.tfa`. It starts with dots if the import is relative.
        """
        if name.split(".")[0] in PACKAGES:
            return name
        module, dot, last = name.rpartition(".")
        package = module if module.strip(".") else module + dot  # `..` for `from .. import name`
        return self.names(script, package).get(last, "") if package else ""

    def names(self, script: Path, module: str) -> dict[str, str]:
        """Return the names of TensorFlow and Keras that an imported module has, and their qualified names."""
        path = self._locate(script, module)
        return self._names_of(path) if path else {}

    def star(self, script: Path, module: str) -> dict[str, str]:
        """Return the names of TensorFlow and Keras that `from module import *` imports, and their qualified names."""
        path = self._locate(script, module)
        public = self._globals[path].public if path else None
        return {
            name: origin
            for name, origin in self.names(script, module).items()
            if (name in public if public is not None else not name.startswith("_"))
        }

    def pass_on_addons(self, path: Path, script: bytes) -> bool:
        """Return `True` if a script imports modules that have names of TensorFlow Addons."""
        if not self._globals:
            return False
        imported = (self._globals.get(path) or module_globals(script)).imported
        names = (origin for module in imported for origin in self.names(path, module).values())
        return any(origin.split(".")[0] == PACKAGE for origin in names)

    def _names_of(self, path: Path) -> dict[str, str]:
        """Return the names of TensorFlow and Keras that a module has, and their qualified names."""
        if path in self._names:
            return self._names[path]
        self._names[path] = {}  # for modules that import each other
        known = self._globals[path]
        names = {name: origin for module in known.stars for name, origin in self.star(path, module).items()}
        for name, origins in known.origins.items():
            meanings = {self.origin(path, origin) for origin in origins}
            names[name] = meanings.pop() if len(meanings) == 1 else ""
        self._names[path] = {name: origin for name, origin in names.items() if origin}
        return self._names[path]

    def _locate(self, script: Path, module: str) -> Path | None:
        """Return the path of a module that a script imports, or `None` if it is not in the project."""
        name = module.lstrip(".")
        level = len(module) - len(name)
        parts = name.split(".") if name else []
        for folder in script.parents[level - 1 : level] if level else (*script.parents, *self._roots):
            package = folder.joinpath(*parts)
            paths = [package / "__init__.py", *([package.with_name(f"{package.name}.py")] if parts else [])]
            found = next((path for path in paths if path in self._globals), None)
            if found:
                return found
        return None

    @cached_property
    def _roots(self) -> list[Path]:
        """Folders of the outermost packages, and of modules outside of packages, which may be on the search path."""
        roots = set()
        for path in self._globals:
            folder = path.parent
            while folder / "__init__.py" in self._globals:
                folder = folder.parent
            roots.add(folder)
        return sorted(roots)


@dataclass(frozen=True)
class Importer:
    """Script that may import names of TensorFlow Addons from other modules.

    Attributes:
        modules: Modules of the project.
        path: Resolved path of the script.
    """

    modules: Modules = field(default_factory=lambda: Modules({}))
    path: Path = Path()

    def takes_addons(self, script: bytes) -> bool:
        """Return `True` if the script imports a module of the project that passes on names of TensorFlow Addons."""
        return self.modules.pass_on_addons(self.path, script)

    def origin(self, name: str) -> str:
        """Return the qualified name in TensorFlow or Keras of an object of another module, or an empty string."""
        return "" if name.split(".")[0] in PACKAGES else self.modules.origin(self.path, name)

    def star(self, module: str) -> dict[str, str]:
        """Return the names that `from module import *` imports, and their qualified names."""
        return self.modules.star(self.path, module)


def module_globals(source: bytes) -> Globals:
    """Return the global names and imports of a module.

    Raises:
        UnreadableError: If the module cannot be parsed.
    """
    found = Globals()
    tree = syntax_tree(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.imported += [module, *(_joined(module, alias.name) for alias in node.names)]
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                found.origins[alias.asname or first].append(alias.name if alias.asname else first)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.stars += [module for alias in node.names if alias.name == "*"]
            for alias in node.names:
                if alias.name != "*":
                    found.origins[alias.asname or alias.name].append(_joined(module, alias.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.origins[node.name].append("")
        else:
            names = [each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
            for name in names:
                found.origins[name.id].append("")
            if any(name.id == "__all__" for name in names):
                strings = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                found.public = [*(found.public or ()), *(each for each in strings if isinstance(each, str))]
    return found


def _joined(module: str, name: str) -> str:
    """Return the qualified name of an object of a module, whose name may consist of dots."""
    return module + name if module.endswith(".") else f"{module}.{name}"


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module that are not in functions or classes, without the heads of blocks.

    The statement `name = None` after a failed import is left out, because it gives the name no other meaning.
    """
    for node in body:
        if isinstance(node, ast.Try):
            handlers = [each for handler in node.handlers for each in handler.body]
            yield from _statements([*node.body, *filter(_has_value, handlers), *node.orelse, *node.finalbody])
        elif isinstance(node, ast.If | ast.For | ast.While):
            yield from _statements([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            yield from _statements(node.body)
        else:
            yield node


def _has_value(node: ast.stmt) -> bool:
    return not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is None)
