"""Direct imports of names that a script takes from other modules of its project.

The import of such a module may be removed or changed when the module is migrated. Each script therefore gets imports of
its own, and is migrated as if it had them from the beginning.
"""

from collections import defaultdict
from typing import Any

import libcst as cst
from libcst.metadata import ImportAssignment, MetadataWrapper

from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.imports import without_names
from tensorsmith.migrate.modules import Importer
from tensorsmith.migrate.plan import Plan
from tensorsmith.migrate.surveyor import Surveyor, dotted, exported, origin


def with_direct_imports(module: cst.Module, importer: Importer) -> MetadataWrapper:
    """Return the script with direct imports of what other modules pass on to it, if it uses TensorFlow Addons.

    A script that remains the same keeps its metadata, which are computed once.
    """
    wrapper = MetadataWrapper(module)
    survey = _Survey(wrapper, importer)
    lines = [line for lines in survey.lines.values() for line in lines]
    if not lines or not any(PACKAGE in code for code in (*lines, module.code)):
        return wrapper
    return MetadataWrapper(wrapper.module.visit(_Rewriter(survey, module.config_for_parsing)))


class _Survey(Surveyor):
    """Names that a script takes from other modules.

    Attributes:
        lines: Direct imports, by the import after which they are inserted.
        replaced: Names that an import no longer contains.
        expressions: Source that replaces expressions such as `module.tfa`.
    """

    def __init__(self, wrapper: MetadataWrapper, importer: Importer):
        super().__init__(wrapper, Plan())
        self._importer = importer
        self.lines: dict[cst.CSTNode, set[str]] = defaultdict(set)
        self.replaced: set[tuple[cst.CSTNode, str]] = set()
        self.expressions: dict[cst.CSTNode, str] = {}
        for assignment in self._imports():
            self._decide(assignment)
        taken = {dotted(access.node) for access in self._unknown()} | exported(wrapper.module)
        for node in self._parents:
            if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
                names = importer.star("." * len(node.relative) + (dotted(node.module) if node.module else ""))
                self.lines[node] |= {_line(names[name], name) for name in taken & names.keys()}

    def _decide(self, assignment: ImportAssignment) -> None:
        """Find the direct import of an imported name, or of the attributes of an imported module."""
        statement = assignment.node
        found = self._importer.origin(origin(assignment))
        if found and isinstance(statement, cst.ImportFrom):
            self.replaced.add((statement, assignment.name))
            self.lines[statement].add(_line(found, assignment.name))
            return
        for access in assignment.references:
            chain = self._chain(access.node)
            first = dotted(chain[0]) if chain else ""
            for node in chain or ():
                names = {
                    each.name + dotted(node).removeprefix(first) for each in access.scope.get_qualified_names_for(first)
                }
                found = self._importer.origin(names.pop()) if len(names) == 1 else ""
                if found.split(".")[0] == PACKAGE:
                    self.expressions[node] = found
                    self.lines[statement].add(f"import {PACKAGE}")
                    break


class _Rewriter(cst.CSTTransformer):
    def __init__(self, survey: _Survey, config: cst.PartialParserConfig):
        super().__init__()
        self._survey = survey
        self._config = config

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Return the syntax node with direct imports."""
        if original_node in self._survey.expressions:
            return cst.parse_expression(self._survey.expressions[original_node])
        if not isinstance(original_node, cst.SimpleStatementLine):
            return updated_node
        lines = [line for each in original_node.body for line in sorted(self._survey.lines.get(each, ()))]
        if not lines:
            return updated_node
        added: list[Any] = [cst.parse_statement(line, self._config) for line in lines]
        pairs = zip(original_node.body, updated_node.body, strict=True)
        kept = (without_names(*pair, self._survey.replaced) for pair in pairs)
        body = [each for each in kept if each is not None]
        if body:
            return cst.FlattenSentinel([updated_node.with_changes(body=body), *added])
        # The first import takes the place of the old one, with its comments.
        lines_and_end = {name: getattr(updated_node, name) for name in ("leading_lines", "trailing_whitespace")}
        return cst.FlattenSentinel([added[0].with_changes(**lines_and_end), *added[1:]])


def _line(full: str, name: str) -> str:
    """Return the import of an object by its qualified name, under a local name."""
    home, _, there = full.rpartition(".")
    alias = "" if name == there else f" as {name}"
    return f"from {home} import {there}{alias}" if home else f"import {there}{alias}"
