"""Planned changes to a script, collected before it is rewritten."""

from collections import defaultdict
from dataclasses import dataclass, field

import libcst as cst

from tensorsmith.migrate.entry import Successor


@dataclass
class Plan:
    """Planned changes to the syntax nodes of a module."""

    expressions: dict[cst.CSTNode, str] = field(default_factory=dict)  # replacement source
    calls: dict[cst.CSTNode, Successor] = field(default_factory=dict)  # calls with changed arguments
    attributes: dict[cst.CSTNode, str] = field(default_factory=dict)  # new names of members and methods
    defaults: dict[cst.CSTNode, str] = field(default_factory=dict)  # source of new defaults of parameters
    comments: dict[cst.CSTNode, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))  # by statement
    # Comments to which a reference to tensorsmith.addons is added if it helps: comments of a statement, name, reason.
    bridged: list[tuple[dict[str, set[str]], str, str]] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)  # modules to import
    components: set[tuple[str, str, str]] = field(default_factory=set)  # to import: module, name there, local name
    imports: list[cst.CSTNode] = field(default_factory=list)  # imports that may be removed
    unused: set[tuple[cst.CSTNode, str]] = field(default_factory=set)  # imports to remove, by local name
    rewritten: set[cst.CSTNode] = field(default_factory=set)
    left: set[cst.CSTNode] = field(default_factory=set)
    rejected: set[cst.CSTNode] = field(default_factory=set)  # uses of Keras 2 that Keras 3 rejects
