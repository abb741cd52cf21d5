"""Rewriting of a script according to its plan."""

import itertools
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.calls import TIGHT, moved_call
from tensorsmith.migrate.direct_imports import with_direct_imports
from tensorsmith.migrate.errors import UnreadableError
from tensorsmith.migrate.imports import insert_imports, without_names
from tensorsmith.migrate.keras2_survey import survey_keras2
from tensorsmith.migrate.keras_tensors import survey_tensors
from tensorsmith.migrate.modules import Importer
from tensorsmith.migrate.parsing import parse, syntax_tree, without_end
from tensorsmith.migrate.plan import Plan
from tensorsmith.migrate.survey import ALIAS, survey
from tensorsmith.migrate.variable_names import survey_variable_names

MARK = "# tensorsmith migrate:"
USES_ADDONS = re.compile(rf"{PACKAGE}|Addons>|{MARK}".encode())
MAY_USE_ADDONS = re.compile(rf"\bimport\b.*\b{ALIAS}\b|\b{ALIAS}\s*\.".encode())  # imported by another module
BRIDGE = "`import tensorsmith.addons` before `import tensorflow_addons` runs the old code"
GONE = cst.Pass()  # placeholder for a removed statement, as libcst drops lines without statements


@dataclass(frozen=True)
class Migrated:
    """Result of migrating a script.

    Attributes:
        script: Source after the migration.
        rewritten: Number of uses that were rewritten.
        left: Number of uses of TensorFlow Addons that were left unchanged.
        rejected: Number of uses that Keras 3 rejects or for which it gives other results, and that were left unchanged.
    """

    script: bytes
    rewritten: int = 0
    left: int = 0
    rejected: int = 0

    @property
    def unused(self) -> bool:
        """Return `True` if the script does not use TensorFlow Addons, or was already migrated completely."""
        return not (self.rewritten or self.left or self.rejected)

    @property
    def complete(self) -> bool:
        """Return `True` if nothing was left unchanged."""
        return not (self.left or self.rejected)


def migrate_script(script: bytes) -> Migrated:
    r"""Migrate a script from TensorFlow Addons to tensorsmith and Keras 3.

    Args:
        script: Source code of the script.

    Returns:
        A `Migrated` object.

    Raises:
        UnreadableError: If the script cannot be parsed.

    Example:
        >>> moved = migrate_script(b"import tensorflow_addons as tfa\n\ny = tfa.layers.Maxout(3)(x)\n")
        >>> print(moved.script.decode())
        import tensorsmith.layers
        <BLANKLINE>
        y = tensorsmith.layers.Maxout(3)(x)
        <BLANKLINE>
    """
    return rewrite(script, Importer())


def rewrite(script: bytes, importer: Importer) -> Migrated:
    """Migrate a script of a project.

    Args:
        script: Source code of the script.
        importer: Script as an importer of other modules of the project.

    Raises:
        UnreadableError: If the script cannot be parsed.
    """
    if not (USES_ADDONS.search(script) or MAY_USE_ADDONS.search(script) or importer.takes_addons(script)):
        syntax_tree(script)  # a script that is not valid Python is reported, even if it does not mention Addons
        return Migrated(script)
    try:
        wrapper = with_direct_imports(parse(script), importer)
        plan = survey(wrapper)
        if not (plan.left or USES_ADDONS.search(wrapper.module.bytes)):
            return Migrated(script)
        survey_keras2(wrapper, plan)
        survey_tensors(wrapper, plan)
        survey_variable_names(wrapper, plan)
        if _bridge_works(script, plan):
            for comments, name, reason in plan.bridged:
                comments[name] = {f"{text}; {BRIDGE}" if text == reason else text for text in comments[name]}
        moved = wrapper.module.visit(_Rewriter(wrapper.module, plan))
    except RecursionError as error:
        raise UnreadableError(": too deeply nested") from error
    script = without_end(moved.bytes, script)
    return Migrated(script, len(plan.rewritten), len(plan.left), len(plan.rejected))


def _bridge_works(script: bytes, plan: Plan) -> bool:
    """Return `True` if the script runs with `tensorsmith.addons`: on Python 3.11, and if no part of it uses Keras 3."""
    migrated_before = MARK.encode() in script and BRIDGE.encode() not in script
    uses_keras_3 = re.search(rb"^\s*(import|from)\s+(keras|tensorsmith)\b(?!\.addons)", script, re.MULTILINE)
    return sys.version_info[:2] == (3, 11) and not (plan.rewritten or migrated_before or uses_keras_3)


class _Rewriter(cst.CSTTransformer):
    def __init__(self, module: cst.Module, plan: Plan):
        super().__init__()
        self._module = module
        self._plan = plan

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Return the syntax node with the planned changes applied."""
        node, plan = updated_node, self._plan
        if original_node in plan.expressions:
            node = cst.parse_expression(plan.expressions[original_node])
        if original_node in plan.defaults:
            equal = cst.MaybeSentinel.DEFAULT if node.annotation else TIGHT
            node = node.with_changes(default=cst.parse_expression(plan.defaults[original_node]), equal=equal)
        if original_node in plan.attributes:
            node = _renamed(node, plan.attributes[original_node])
        if original_node in plan.calls:
            node = moved_call(node, plan.calls[original_node])
        if original_node in plan.comments:
            node = node.with_changes(leading_lines=self._with_comments(original_node, node.leading_lines))
        if original_node in plan.imports:
            kept = without_names(original_node, node, plan.unused)
            node = cst.RemoveFromParent() if kept is None else kept
        if isinstance(node, cst.SimpleStatementLine) and not node.body:
            node = node.with_changes(body=[GONE])
        if isinstance(node, cst.Module):
            node = node.with_changes(body=insert_imports(original_node, node.body, plan))
        if isinstance(node, cst.Module | cst.IndentedBlock):
            node = node.with_changes(body=_swept(node.body))
        return node

    def _with_comments(self, statement: cst.CSTNode, lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
        """Return the comment lines above a statement, with planned comments added and outdated ones removed."""
        wanted = {f"{MARK} {name}: {text}" for name, texts in self._plan.comments[statement].items() for text in texts}
        about = tuple(f"{MARK} {name}: " for name in self._plan.comments[statement])
        kept = [line for line in lines if _text(line) in wanted or not _text(line).startswith(about)]
        header = self._module.header if statement is self._module.body[0] else ()
        there = {_text(line) for line in (*header, *kept)}
        return [*kept, *(cst.EmptyLine(comment=cst.Comment(text)) for text in sorted(wanted - there))]


def _renamed(node: Any, name: str) -> Any:
    """Return a method definition or an attribute with a new name. Only an attribute may get a dotted name."""
    if isinstance(node, cst.FunctionDef):
        return node.with_changes(name=cst.Name(name))
    *inner, last = name.split(".")
    for part in inner:
        node = node.with_changes(value=cst.Attribute(node.value, cst.Name(part)))
    return node.with_changes(attr=cst.Name(last))


def _text(line: cst.EmptyLine) -> str:
    return line.comment.value if line.comment else ""


def _swept(body: Iterable[Any]) -> list[Any]:
    """Remove the statements that are marked for removal, and keep the comments above them."""
    swept: list[Any] = []
    above: list[cst.EmptyLine] = []
    removed = False
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine) and statement.body[0] is GONE:
            above += statement.leading_lines
            removed = True
            continue
        lines = [*statement.leading_lines]
        if any(_text(line) for line in above):
            lines = above + lines
        elif removed and not swept:
            lines = list(itertools.dropwhile(lambda line: not _text(line), lines))
        swept.append(statement.with_changes(leading_lines=lines or above))
        above, removed = [], False
    return swept
