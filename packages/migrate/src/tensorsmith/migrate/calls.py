"""Rewriting of the arguments of calls."""

import libcst as cst

from tensorsmith.migrate.entry import UNMOVED, RefusedError, Successor
from tensorsmith.migrate.keras2_rules import REDUCTIONS

TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def moved_call(call: cst.Call, successor: Successor) -> cst.BaseExpression:
    """Return the call with its arguments adapted to the replacement API. The called expression is unchanged.

    Raises:
        RefusedError: If the call cannot be expressed with the arguments of the successor.
    """
    of_loss = successor.name.startswith("tensorsmith.losses.")
    call = call.with_changes(args=[_with_string(arg, of_loss) for arg in call.args])
    if not successor.changes_calls:
        return call
    given = named(call, successor)
    sources = {name: source(arg.value) for name, arg in given.items()}
    written = {**sources, **{name: text for name, text in successor.added.items() if name not in sources}}
    if successor.rule:
        written = successor.rule(written)
    args = []
    for name, text in written.items():
        old = given.get(name)
        if old is None:
            args.append(cst.Arg(cst.parse_expression(text), cst.Name(name), TIGHT))
            continue
        arg = old if text == sources[name] else old.with_changes(value=cst.parse_expression(text))
        if old.keyword:
            arg = arg.with_changes(keyword=cst.Name(name))
        elif not old.star and call.args.index(old) >= successor.in_place:
            arg = arg.with_changes(keyword=cst.Name(name), equal=TIGHT)
        args.append(arg)
    moved = call.with_changes(args=_laid_out(args, call))
    if not successor.result:
        return moved
    try:
        return cst.parse_expression(successor.result.format(call=source(moved), **written))
    except KeyError as error:
        raise RefusedError(f"{error.args[0]} is not given here by position or by name") from error


def _with_string(arg: cst.Arg, of_loss: bool) -> cst.Arg:
    """Return a call argument, in which a Keras 2 reduction such as "auto" is replaced by a Keras 3 reduction."""
    value = arg.value
    if isinstance(value, cst.SimpleString):
        named = arg.keyword.value == "reduction" if arg.keyword else of_loss
        auto = named and str(value.evaluated_value).lower() == "auto"
        return arg.with_changes(value=cst.SimpleString(f'"{REDUCTIONS["AUTO"]}"')) if auto else arg
    if not isinstance(value, cst.Attribute) or value.attr.value not in REDUCTIONS:
        return arg
    if source(value.value).rpartition(".")[2] != "Reduction":
        return arg
    return arg.with_changes(value=cst.SimpleString(f'"{REDUCTIONS[value.attr.value]}"'))


def source(node: cst.CSTNode) -> str:
    """Return the source code of a syntax node."""
    return cst.Module([]).code_for_node(node)


def named(call: cst.Call, successor: Successor) -> dict[str, cst.Arg]:
    """Return a dict of the arguments by new name. Positional arguments are named according to the old signature."""
    given: dict[str, cst.Arg] = {}
    for position, arg in enumerate(call.args):
        moves = successor.in_place < UNMOVED
        if (arg.star == "*" and moves) or (arg.star == "**" and not successor.plain):
            raise RefusedError(f"the arguments behind {arg.star} are unknown here, and the signature has changed")
        if arg.star or (not arg.keyword and position >= len(successor.arguments) and not moves):
            given[f"{arg.star}{position}"] = arg
            continue
        if not arg.keyword and position >= len(successor.arguments):
            raise RefusedError(f"argument {position + 1} must be passed by keyword")
        name = arg.keyword.value if arg.keyword else successor.arguments[position]
        if name in successor.refused:
            raise RefusedError(f"{name} is not supported: {successor.refused[name]}")
        if name not in successor.dropped:
            given[successor.renamed.get(name, name)] = arg
    return given


def _laid_out(args: list[cst.Arg], call: cst.Call) -> list[cst.Arg]:
    """Return the arguments, formatted with the commas, line breaks and comments of the original call."""
    if not args or not call.args:
        return args
    last, between = call.args[-1], _between(call)
    end = last
    laid_out = []
    for arg in args[:-1]:
        if arg.comma is last.comma:  # the last argument, or a new one
            comma = between
            if arg.value is last.value:
                comma, end = _with_comment(between, last)
            arg = arg.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
        laid_out.append(arg)
    return [*laid_out, args[-1].with_changes(comma=end.comma, whitespace_after_arg=end.whitespace_after_arg)]


def _between(call: cst.Call) -> cst.Comma:
    """Return a comma, followed by the whitespace or line break that separates the original arguments."""
    first = call.args[0].comma
    space = (
        first.whitespace_after if len(call.args) > 1 and isinstance(first, cst.Comma) else call.whitespace_before_args
    )
    if isinstance(space, cst.ParenthesizedWhitespace):
        return cst.Comma(whitespace_after=space.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[]))
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _with_comment(between: cst.Comma, last: cst.Arg) -> tuple[cst.Comma, cst.Arg]:
    """Return a comma with the comment that follows the last argument, and the last argument without its comment."""
    comma, space = last.comma, between.whitespace_after
    behind = comma.whitespace_after if isinstance(comma, cst.Comma) else last.whitespace_after_arg
    if not isinstance(behind, cst.ParenthesizedWhitespace) or not isinstance(space, cst.ParenthesizedWhitespace):
        return between, last
    bare = behind.with_changes(first_line=cst.TrailingWhitespace())
    if isinstance(comma, cst.Comma):
        last = last.with_changes(comma=comma.with_changes(whitespace_after=bare))
    else:
        last = last.with_changes(whitespace_after_arg=bare)
    return cst.Comma(whitespace_after=space.with_changes(first_line=behind.first_line)), last
