"""What is going to be done to a script."""

from collections import defaultdict
from dataclasses import dataclass, field

import libcst as cst

from tensorsmith.migrate.entry import Successor


@dataclass
class Plan:
    """What happens to the nodes of a module."""

    expressions: dict[cst.CSTNode, str] = field(default_factory=dict)  # what to write in their place
    calls: dict[cst.CSTNode, Successor] = field(default_factory=dict)  # calls whose arguments change
    comments: dict[cst.CSTNode, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))  # of statements
    modules: set[str] = field(default_factory=set)  # to be imported
    components: set[tuple[str, str, str]] = field(default_factory=set)  # to be imported: module, name there, name here
    imports: list[cst.CSTNode] = field(default_factory=list)  # all that import from Addons
    unused: set[tuple[cst.CSTNode, str]] = field(default_factory=set)  # what to take out of these, by the name here
    rewritten: set[cst.CSTNode] = field(default_factory=set)
    left: set[cst.CSTNode] = field(default_factory=set)
