"""Insertion of imports that replace imports of TensorFlow Addons."""

from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node

from tensorsmith.migrate.plan import Plan


def insert_imports(module: cst.Module, body: Sequence[Any], plan: Plan) -> list[Any]:
    """Return the module statements with the imports that the plan requires.

    Args:
        module: Syntax tree of the original module.
        body: List of the current statements of the module, one for each statement of the original module.
        plan: Planned changes for the module.
    """
    position = _insertion_index(module.body, plan)
    statements = [cst.parse_statement(line, module.config_for_parsing) for line in _lines(plan)]
    if statements and position and not _is_import(module.body[position - 1]):
        statements[0] = statements[0].with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return [*body[:position], *statements, *body[position:]]


def without_names(original: Any, updated: Any, unused: Container[tuple[cst.CSTNode, str]]) -> Any:
    """Return a statement without the imported names that are unused, or `None` if it imports no others."""
    if not isinstance(updated, cst.Import | cst.ImportFrom) or isinstance(updated.names, cst.ImportStar):
        return updated
    kept = [each for each in updated.names if (original, each.evaluated_alias or each.evaluated_name) not in unused]
    if not kept:
        return None
    return updated.with_changes(names=[*kept[:-1], kept[-1].with_changes(comma=updated.names[-1].comma)])


def _lines(plan: Plan) -> list[str]:
    names = defaultdict(set)
    for module, there, here in plan.components:
        names[module].add(there if there == here else f"{there} as {here}")
    froms = [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    return [f"import {module}" for module in sorted(plan.modules)] + froms


def _insertion_index(body: Sequence[Any], plan: Plan) -> int:
    """Return the index for new imports.

    It is after the first block of imports that are removed, or else after that of TensorFlow or Keras, because scripts
    set environment variables before it, or else after the first block.
    """
    old = {id(node) for node in plan.imports}
    runs: list[list[int]] = []
    for position, statement in enumerate(body):
        if _is_import(statement):
            follows = bool(runs) and runs[-1][-1] == position - 1
            runs[-1].append(position) if follows else runs.append([position])
    ours = [run for run in runs if any(id(part) in old for position in run for part in body[position].body)]
    keras = [run for run in runs if any(_imports_keras(part) for position in run for part in body[position].body)]
    chosen = next(iter(ours or keras or runs), None)
    if chosen is not None:
        return chosen[-1] + 1
    return int(bool(body) and cst.Module(body[:1]).get_docstring() is not None)


def _is_import(statement: Any) -> bool:
    small = statement.body if isinstance(statement, cst.SimpleStatementLine) else []
    return bool(small) and all(isinstance(part, cst.Import | cst.ImportFrom) for part in small)


def _imports_keras(part: Any) -> bool:
    """Return `True` if an import statement imports TensorFlow or Keras."""
    modules = [each.name for each in part.names] if isinstance(part, cst.Import) else [part.module]
    names = [get_full_name_for_node(module) or "" for module in modules if module is not None]
    return any(name.split(".")[0] in ("tensorflow", "keras") for name in names)
