"""Conformance check for the configs of components, which must contain all constructor arguments."""

import inspect
import json
import math
from typing import Any

import keras

from tensorsmith.testing.comparing import expect_same
from tensorsmith.testing.errors import expect
from tensorsmith.testing.rows import Row
from tensorsmith.testing.using import examples, make, observe, prepare, ready, reference

PLAIN = (bool, int, float, str, type(None))


def config_round_trip(row: Row) -> None:
    """Checks that `from_config` creates an equal copy of a component, both before and after it is built."""
    fresh = make(row)
    if inspect.isclass(row.make):
        _expect_arguments(row, fresh.get_config())
    built = ready(row)
    state = [variable.numpy() for variable in getattr(built, "variables", ())]
    compared: set[str] = set()  # configs whose copies have been compared with the original
    for when, original in (("before building", fresh), ("after building", built)):
        copy = type(original).from_config(original.get_config())
        first, second = _as_text(original), _as_text(copy)
        expect(first == second, f"the config taken {when} does not come back: {first} became {second}.")
        if first in compared:
            continue
        compared.add(first)
        prepare(row, copy)
        # Weights and random state are not part of a config.
        for variable, value in zip(getattr(copy, "variables", ()), state, strict=True):
            variable.assign(value)
        expect_same(
            reference(row),
            observe(row, copy, examples(row)),
            row.tolerance,
            f"the original and its copy from the config taken {when}",
            "Return every argument of `__init__` from `get_config`.",
        )


def _expect_arguments(row: Row, config: dict[str, Any]) -> None:
    for name in inspect.signature(row.make).parameters.keys() & row.kwargs.keys():
        given = row.kwargs[name]
        expect(
            name in config,
            f"get_config() has no {name!r}, only {sorted(config)}. Add the argument to `get_config`.",
        )
        if isinstance(given, PLAIN) and isinstance(config[name], PLAIN):
            message = f"get_config() has {name}={config[name]!r}, made with {name}={given!r}."
            expect(_same(given, config[name]), message)


def _same(given: Any, kept: Any) -> bool:
    """Returns `True` if two argument values are equal. Floats are compared with float32 precision."""
    floats = isinstance(given, float) and isinstance(kept, float)
    return math.isclose(given, kept, rel_tol=1e-6) if floats else given == kept


def _as_text(component: Any) -> str:
    return json.dumps(keras.saving.serialize_keras_object(component.get_config()), sort_keys=True)
