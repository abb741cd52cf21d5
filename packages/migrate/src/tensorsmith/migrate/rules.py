"""Changes of arguments that depend on their values.

Each function takes the arguments of a call, names and source, under their new names if these are others, and gives
those to write.
"""

import ast

from tensorsmith.migrate.entry import Given, RefusedError

AGGREGATIONS = {
    "uniform_average": '"uniform_average"',
    "variance_weighted": '"variance_weighted_average"',
    "raw_values": "None",
}


def one_threshold(given: Given) -> Given:
    """Bounds -t and t become the threshold t, which is 0.5 on both sides if nothing is given."""
    rest = {name: source for name, source in given.items() if name not in ("lower", "upper")}
    if rest == given:
        return given
    upper = given.get("upper", "0.5")
    low, high = _number(given.get("lower", "-0.5")), _number(upper)
    if low is None or high is None or low != -high:
        raise RefusedError("Keras has one threshold, so both bounds have to be numbers, -t and t")
    return {**rest, "threshold": upper}


def decay_per_rate(given: Given) -> Given:
    """A decay that was taken off as it is becomes one that is multiplied by the learning rate."""
    rate, decay = given["learning_rate"], given.get("weight_decay", "")
    if not _may_be_number(rate) or not _may_be_number(decay):
        raise RefusedError(
            "Keras multiplies weight_decay by the learning rate: both have to be numbers, or names of some; "
            "tensorsmith.optimizers.extend_with_decoupled_weight_decay(keras.optimizers.Adam) takes them as they are"
        )
    return {**given, "weight_decay": f"{decay} / {rate}"}


def aggregation(given: Given) -> Given:
    """Keras' names for ways to make one score of several."""
    value = _literal(given.get("class_aggregation", "'uniform_average'"))
    if value not in AGGREGATIONS:
        raise RefusedError(f"multioutput has to be written out, as one of {', '.join(AGGREGATIONS)}, to be translated")
    return {**given, "class_aggregation": AGGREGATIONS[value]} if "class_aggregation" in given else given


def small_letters(given: Given) -> Given:
    """Modes as Keras writes them, where they are written out."""

    def small(source: str) -> str:
        value = _literal(source)
        return f'"{value.lower()}"' if isinstance(value, str) and not value.islower() else source

    return {name: small(source) if name in ("interpolation", "fill_mode") else source for name, source in given.items()}


def exact_gelu(given: Given) -> Given:
    """The approximation, which was the default, has no layer."""
    if _literal(given.get("approximate", "True")) is not False:
        raise RefusedError(
            'keras.layers.Activation("gelu") is exact, up to 0.0005 away from this approximation; '
            "with approximate=False this would be rewritten"
        )
    return {**{name: source for name, source in given.items() if name != "approximate"}, "activation": '"gelu"'}


def known_transitions(given: Given) -> Given:
    """The result repeats the transitions, so they must be there and cost nothing to write twice."""
    if not _may_be_number(given.get("transitions", "None")):
        raise RefusedError("no transitions are made any more: name a variable as transition_params")
    return given


def _literal(source: str) -> object:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return None


def _number(source: str) -> float | None:
    value = _literal(source)
    return value if isinstance(value, int | float) else None


def _may_be_number(source: str) -> bool:
    """Whether the source is a number, or a name, attribute or item that may be one."""
    node = ast.parse(f"({source or None})", mode="eval").body  # it may go over several lines
    while isinstance(node, ast.Attribute) or (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)):
        node = node.value
    return isinstance(node, ast.Name) or _number(source) is not None
