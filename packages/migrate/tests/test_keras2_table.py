"""Tests of the migration of Keras 2 names: each row of the table, and the list derived from both versions of Keras."""

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tensorsmith.migrate import migrate_script
from tensorsmith.migrate.entry import Missing, Successor
from tensorsmith.migrate.keras2 import KERAS2

TOOL = Path(__file__).parents[3] / "tools" / "keras2_names.py"
HEAD = "import tensorflow as tf\nimport keras\nimport tensorflow_addons as tfa\n\n"
ROOTS = {"tf.keras": tf.keras, "keras": keras}
RECEIVERS = {
    "network": "vae",
    "shape": "input_shape",
    "weight": "kernel",
    "any": "thing",
    "layer": "layer",
    "metric": "score",
    "model": "model",
    "optimizer": "optimizer",
}
KINDS = {"layer": keras.layers.Layer, "metric": keras.metrics.Metric, "model": keras.Model}
KINDS |= {"optimizer": keras.optimizers.Optimizer}
ACCEPTED = {  # arguments that Keras 3 accepts among **kwargs
    "layers.EinsumDense": {"activity_regularizer"},
    "layers.Embedding": {"activity_regularizer", "input_length"},
    "layers.Identity": {"trainable", "name", "dtype"},
    "layers.LeakyReLU": {"alpha"},
    "Model.load_weights": {"by_name"},
}
BY_RULE = {  # arguments that a rule of the table translates, tested below
    **{f"layers.{name}": {"time_major"} for name in ("GRU", "LSTM", "RNN")},
    **{f"Model.{name}_on_batch": {"reset_metrics"} for name in ("test", "train")},
    **{name: {"save_format"} for name in ("Model.save", "Model.save_weights", "models.save_model")},
}
BASES = {"layers.Layer", "losses.Loss", "metrics.Metric", "optimizers.Optimizer"}  # called by super().__init__
GENERIC = """
    activity_regularizer add_loss build build_from_config call compute_dtype compute_mask compute_output_shape
    count_params dtype_policy dynamic get_build_config input input_spec load_own_variables losses merge_state metrics
    name name_scope non_trainable_variables non_trainable_weights output save_own_variables stateful
    steps_per_execution submodules supports_masking trainable trainable_variables trainable_weights updates
    variable_dtype
"""  # members of many other objects, or set when an object is created


@pytest.fixture(scope="module")
def derived():
    """Returns the names and arguments that Keras 3 lacks."""
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras is installed where TensorFlow Addons is")
    result = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def find(root, name):
    for part in name.split("."):
        root = getattr(root, part, None)
    return root


def entry(root, name):
    """Returns the row of a name, or of a package of it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        part = ".".join(parts[:end])
        if f"{root}.{part}" in KERAS2 or part in KERAS2:
            return KERAS2.get(f"{root}.{part}", KERAS2.get(part))
    return None


def method(name):
    """Returns the row of a method such as `Model.fit`."""
    owner, _, last = name.rpartition(".")
    kinds = {"Model": ("any", "model"), "layers.Layer": ("any",), "optimizers.Optimizer": ("optimizer",)}
    return next((KERAS2[f"<{kind}>.{last}"] for kind in kinds.get(owner, ()) if f"<{kind}>.{last}" in KERAS2), None)


@pytest.mark.slow
def test_table_covers_names(derived):
    assert len(derived["names"][""]) > 150
    for root, names in derived["names"].items():
        inside = {key.removeprefix(f"{root}.").rpartition(".")[0] for key in KERAS2}
        packages = {package for each in inside for package in (each, each.partition(".")[0])}
        assert not [name for name in names if entry(root or "tf.keras", name) is None and name not in packages]


@pytest.mark.slow
def test_table_covers_arguments(derived):
    assert len(derived["arguments"]) > 50
    lost = {}
    for name, arguments in derived["arguments"].items():
        row = method(name) or entry("keras", name)
        moved = isinstance(row, Successor) and row.name not in ("", name) and not row.name.startswith(".")
        if name in BASES or moved or name.startswith("saving."):
            continue
        known = {*row.renamed, *row.dropped, *row.refused} if isinstance(row, Successor) else set()
        lost[name] = set(arguments) - known - ACCEPTED.get(name, set()) - BY_RULE.get(name, set())
    assert not {name: arguments for name, arguments in lost.items() if arguments - {"dynamic"}}


@pytest.mark.slow
def test_table_covers_members(derived):
    kinds = {"Model": "model", "layers.Layer": "layer", "optimizers.Optimizer": "optimizer", "metrics.Metric": "metric"}
    for owner, members in derived["members"].items():
        known = {name.partition(">.")[2] for name in KERAS2 if name.startswith((f"<{kinds[owner]}>", "<any>"))}
        derived_elsewhere = {"get_weights", "set_weights", "weights", "input_shape", "output_shape"}
        assert (
            not set(members)
            - known
            - set(GENERIC.split())
            - (derived_elsewhere if owner != "optimizers.Optimizer" else set())
        )


def split(key):
    """Returns the roots and the name of a key of the table."""
    root = next((root for root in ROOTS if key.startswith(f"{root}.")), None)
    return ([root], key.removeprefix(f"{root}.")) if root else (list(ROOTS), key)


def expect(expected):
    """Migrate many expressions in one script, and compare each with its successor, or with a part of its comment.

    Args:
        expected: Pairs of an expression, and its successor or a tuple with a part of the comment above it.
    """
    lines = [f"x{number} = {code}" for number, (code, _) in enumerate(expected)]
    result = migrate_script("\n".join((HEAD, *lines, "")).encode())
    assert migrate_script(result.script).script == result.script
    comment, found = "", {}
    for line in result.script.decode().splitlines():
        if line.startswith("x"):
            found[line.partition(" ")[0]] = line.partition(" = ")[2], comment
        comment = line if line.startswith("# tensorsmith migrate:") else ""
    for number, (code, after) in enumerate(expected):
        line, comment = found[f"x{number}"]
        if isinstance(after, tuple):
            assert line == code
            assert after[0] in comment, code
        else:
            assert (line, comment) == (after, ""), code
    assert result.rejected == sum(isinstance(after, tuple) for _, after in expected)


def test_missing_names():
    expected = []
    for key, row in KERAS2.items():
        if isinstance(row, Missing) and key[0] != "<":
            roots, name = split(key)
            for root in roots:
                assert find(ROOTS[root], name) is None, key
                expected.append((f"{root}.{name}", (f"keras.{name}: {row.reason}",)))
    assert len(expected) > 250
    expect(expected)


@pytest.mark.parametrize("root", ROOTS)
def test_successors_of_names(root):
    expected = []
    for key, row in KERAS2.items():
        roots, name = split(key)
        if not isinstance(row, Successor) or key[0] == "<" or root not in roots:
            continue
        if row.result:
            expected.append((f"{root}.{name}(a.b, 2)", "a.b.assign(2)"))
            continue
        component = row.name if row.name.startswith('"') else f"{root}.{row.name}"
        if row.name != name:
            if isinstance(entry(root, row.name), Missing):
                continue  # the successor itself is in tf.keras alone
            changes = "its successor has other arguments"
            expected.append((f"{root}.{name}", (changes,) if row.added else component))
            if row.name.startswith('"'):
                continue
            if "legacy" not in name:  # a class that raises an error
                assert find(ROOTS[root], name) is None, key
        assert find(ROOTS[root], row.name) is not None, key
        expected += argument_cases(f"{root}.{name}", component, row, find(ROOTS[root], row.name))
    assert len(expected) > 200
    expect(expected)


def test_members():
    expected = []
    for key in (key for key in KERAS2 if key[0] == "<" and not key.startswith("<self>")):
        kind, name = re.fullmatch(r"<(\w+)>\.(\w+)", key).groups()
        row, receiver = KERAS2[key], RECEIVERS[kind]
        if isinstance(row, Missing):
            expected.append((f"{receiver}.{name}", (row.reason,)))
            continue
        owners = [KINDS[kind]] if kind != "any" else [keras.Model, keras.layers.Layer]
        owner = next((owner for owner in owners if find(owner, row.name[1:].split(".")[0])), None)
        assert owner is not None, key
        if row.changes_calls:
            expected += argument_cases(f"{receiver}.{name}", f"{receiver}{row.name}", row, find(owner, row.name[1:]))
            continue
        expected.append((f"{receiver}.{name}", f"{receiver}{row.name}"))
        assert f".{name}" == row.name or not hasattr(owner, name), key
    expect(expected)


def argument_cases(old, new, row, component):
    """Yield calls with each changed argument for `expect`, after a comparison with the signature of Keras 3."""
    kinds = [kind.__init__ for kind in component.__mro__] if inspect.isclass(component) else [component]
    accepted = {name for kind in kinds for name in inspect.signature(kind).parameters}
    for before, after in row.renamed.items():
        assert after in accepted or row.name in (".add_weight", "Model", "models.Model")
        yield f"{old}({before}=(1,))", f"{new}({after}=(1,))"  # a tuple, which is also a shape
    for name in row.dropped:
        assert name not in accepted - {"name"}
        yield f"{old}({name}=v)", f"{new}()"
    for name, advice in row.refused.items():
        assert name not in accepted
        yield f"{old}({name}=v)", (f"{name} is not supported: {advice}",)
    for name, value in row.added.items():
        assert name in accepted
        yield f"{old}()", f"{new}({name}={value})"
    moving = row.arguments[row.in_place :]
    if moving and not row.result:
        given = [f"v{position}" for position in range(row.in_place + 1)]
        name = row.renamed.get(moving[0], moving[0])
        assert name in accepted
        added = [f"{name}={value}" for name, value in row.added.items()]
        yield f"{old}({', '.join(given)})", f"{new}({', '.join([*given[:-1], *added, f'{name}={given[-1]}'])})"
