"""Tests of `tensorsmith migrate`: scripts before and after, their results, and completeness of the table."""

import ast
import importlib
import inspect
import itertools
import json
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith.migrate.addons import MOVES
from tensorsmith.migrate.entry import Successor
from tensorsmith.migrate.rewrite import UnreadableError, migrate_script

SCRIPTS = Path(__file__).parent / "scripts"
NAMES = sorted(path.name.removesuffix("_before.py") for path in SCRIPTS.glob("*_before.py"))
RUN = [
    "activations",
    "layers",
    "losses",
    "metrics",
    "optional",
    "other_optimizers",
    "rnn",
    "schedules",
    "seq2seq",
    "text",
    "updates",
    "warp",
]  # scripts that do not need Addons after the migration
NEEDED = {"learning_rate": 0.1, "lambda_": 2.0, "optimizer": "sgd", "weight_decay": 0.1}  # arguments without a default
SUBPACKAGES = sorted({name.partition(".")[0] for name in MOVES if "." in name})

# The public components of TensorFlow Addons 0.23 and their arguments with defaults, which `addons` collects again.
SURFACE = json.loads((Path(__file__).parent / "addons_surface.json").read_text())

# Collects all data from Addons in one process: public names with their arguments, and the results of the old scripts.
ADDONS = """
import inspect, json, runpy, sys
import tensorsmith.addons
import numpy as np, tensorflow_addons
surface = {}
for package in sys.argv[2].split():
    module = getattr(tensorflow_addons, package)
    for name in dir(module):
        component = getattr(module, name)
        if not name.startswith("_") and not inspect.ismodule(component):
            parameters = inspect.signature(component).parameters.values()
            surface[f"{package}.{name}"] = {
                each.name: None if each.default is each.empty else repr(each.default)
                for each in parameters
                if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            }
with open(f"{sys.argv[1]}/surface.json", "w") as file:
    json.dump(surface, file)
for path in sys.argv[3:]:
    results = runpy.run_path(path)["results"]
    name = path.rpartition("/")[2].removesuffix("_before.py")
    np.savez(f"{sys.argv[1]}/{name}.npz", **{key: np.array(value) for key, value in results.items()})
"""


@pytest.fixture(scope="module")
def addons(tmp_path_factory):
    """Returns the folder with the data collected from Addons."""
    if sys.version_info >= (3, 12):
        pytest.skip("Addons has no wheel for Python 3.12 and later")
    folder = tmp_path_factory.mktemp("addons")
    paths = [SCRIPTS / f"{name}_before.py" for name in RUN]
    command = [sys.executable, "-c", ADDONS, folder, " ".join(SUBPACKAGES), *paths]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_migrated_script(name):
    before, after = (SCRIPTS / f"{name}_{when}.py" for when in ("before", "after"))
    assert migrate_script(before.read_bytes()).script.decode() == after.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_migration_is_idempotent(name):
    after = (SCRIPTS / f"{name}_after.py").read_bytes()
    again = migrate_script(after)
    assert again.script == after
    assert again.rewritten == 0


def test_every_subpackage_has_a_script():
    assert {*SUBPACKAGES} <= {*NAMES}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_results_match_addons(name, addons):
    ours = runpy.run_path(str(SCRIPTS / f"{name}_after.py"))["results"]
    with np.load(addons / f"{name}.npz") as theirs:
        assert theirs.keys() == ours.keys()
        for key in ours:
            np.testing.assert_allclose(np.array(ours[key]), theirs[key], rtol=1e-5, atol=2e-6, err_msg=key)


@pytest.mark.slow
def test_surface_of_addons(addons):
    assert json.loads((addons / "surface.json").read_text()) == SURFACE


def test_table_has_every_name():
    assert len(SURFACE) == 181
    assert not SURFACE.keys() - MOVES.keys()


@pytest.mark.parametrize("by_place", [False, True], ids=["by name", "by place"])
def test_successors_take_the_arguments(by_place):
    """Each call has the arguments that both Addons and the successor accept, each with a different value."""
    moves = {name: move for name, move in MOVES.items() if isinstance(move, Successor) and name in SURFACE}
    given = {name: given_values(SURFACE[name], move, by_place) for name, move in moves.items()}
    calls = moved_calls({name: given[name].values() if by_place else joined(given[name]) for name in moves})
    for name, move in moves.items():
        values, call = given[name], calls[name]
        assert list(move.arguments) == list(SURFACE[name])[: len(move.arguments)], name
        module, _, last = move.name.rpartition(".")
        component = getattr(importlib.import_module(module), last)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords.keys() <= accepted(component), name
        bound = inspect.signature(component).bind(*map(ast.unparse, call.args), **keywords).arguments
        bound |= bound.pop("kwargs", {})
        if not move.rule:
            kept = {move.renamed.get(argument, argument): value for argument, value in values.items()}
            expected = move.added | {argument: value for argument, value in kept.items() if argument in bound}
            assert bound == expected, name
            assert kept.keys() - bound.keys() == {*move.dropped} & {*values}, name


def given_values(arguments, move, by_place):
    """Returns values of the arguments that the successor does not refuse: all, or those before the first refused."""
    accepts = (lambda argument: argument not in move.refused, arguments)
    return {
        argument: arguments[argument] or "0.1" if move.rule else str(position)  # rules depend on values
        for position, argument in enumerate(itertools.takewhile(*accepts) if by_place else filter(*accepts))
    }


def joined(values):
    return [f"{argument}={value}" for argument, value in values.items()]


def moved_calls(arguments):
    """Returns the calls of the successors for calls of components of Addons, all in one script."""
    lines = [f"tfa.{name}({', '.join(given)})\n" for name, given in arguments.items()]
    moved = migrate_script(f"import tensorflow_addons as tfa\n\n{''.join(lines)}".encode())
    assert (moved.rewritten, moved.left) == (len(lines), 0), moved.script.decode()
    statements = [each.value for each in ast.parse(moved.script).body if isinstance(each, ast.Expr)]
    return {name: call_of(MOVES[name].name, each) for name, each in zip(arguments, statements, strict=True)}


def call_of(name, expression):
    """Returns the only call of a function in an expression."""
    calls = [node for node in ast.walk(expression) if isinstance(node, ast.Call)]
    (call,) = [call for call in calls if ast.unparse(call.func) == name]
    return call


def accepted(component):
    """Returns the argument names of a function, or of a class and its bases."""
    kinds = [component, *(kind.__init__ for kind in component.__mro__)] if inspect.isclass(component) else [component]
    return {name for kind in kinds for name in inspect.signature(kind).parameters}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("activations.softshrink(x, -0.1, 0.2)", "-t and t"),
        ("activations.softshrink(x, lower=0.0)", "-t and t"),
        ("activations.hardshrink(x, -t, t)", "-t and t"),
        ("activations.hardshrink(*x)", "behind *"),
        ("layers.InstanceNormalization(**options)", "behind **"),
        ("layers.InstanceNormalization(1)", "argument 1 must be passed by keyword"),
        ("optimizers.AdamW(1e-4, decay=0.1)", "give a schedule"),
        ("optimizers.AdamW(*settings)", "behind *"),
        ("options.disable_custom_kernel()", "compiled ops"),
        ("optimizers.AveragedOptimizerWrapper(x)", "use MovingAverage or SWA"),
    ],
)
def test_unchanged_code_has_reason(call, reason):
    """Code whose behavior would change is left in place with a single comment."""
    script = f"import tensorflow_addons as tfa\n\nif x:\n    y = tfa.{call}\n"
    moved = migrate_script(script.encode())
    above, comment, line = moved.script.decode().rpartition("    # tensorsmith migrate: ")
    assert above + "    y" + line.rpartition("    y")[2] == script
    assert reason in line.partition("\n")[0]
    assert comment
    assert migrate_script(moved.script) == moved


@pytest.mark.parametrize(
    "name", [name for name, move in MOVES.items() if isinstance(move, Successor) and "optimizers." in move.name]
)
def test_functions_as_hyperparameters(name):
    """A comment is given for those arguments for which the successor refuses a function."""
    move = MOVES[name]
    module, _, last = move.name.rpartition(".")
    component = getattr(importlib.import_module(module), last)
    if not move.check:
        assert last in ("DecoupledWeightDecayExtension", "MultiOptimizer", "extend_with_decoupled_weight_decay")
        return
    parameters = inspect.signature(component).parameters
    given = {
        each: value
        for each, value in NEEDED.items()
        if each in parameters and parameters[each].default is inspect.Parameter.empty
    }
    for argument in move.arguments:
        new = move.renamed.get(argument, argument)
        if new in ("optimizer", "name", *move.dropped) or isinstance(parameters[new].default, bool | str):
            continue
        moved = migrate_script(f"import tensorflow_addons as tfa\n\ntfa.{name}({argument}=lambda: 0.5)\n".encode())
        try:
            component(**{**given, new: lambda: 0.5}).apply([keras.ops.ones(2)], [keras.Variable([1.0, 2.0])])
        except (TypeError, ValueError):
            assert "must not be a function" in moved.script.decode(), new
            assert moved.left == 1
        else:
            assert moved.complete, new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("losses.PinballLoss(reduction='auto')", 'losses.PinballLoss(reduction="sum_over_batch_size")'),
        ("losses.PinballLoss(0.5, 'AUTO')", 'losses.PinballLoss(0.5, "sum_over_batch_size")'),
        ("losses.PinballLoss(0.5, reduction='sum')", "losses.PinballLoss(0.5, reduction='sum')"),
        ("losses.PinballLoss(0.5, name='auto')", "losses.PinballLoss(0.5, name='auto')"),
    ],
)
def test_unsupported_reductions(before, after):
    moved = migrate_script(f"import tensorflow_addons as tfa\n\ny = tfa.{before}\n".encode()).script
    assert moved.decode() == f"import tensorsmith.losses\n\ny = tensorsmith.{after}\n"
    made = {}
    exec(moved, made)  # noqa: S102 - the loss accepts the string
    assert made["y"].reduction in ("sum_over_batch_size", "sum")


def test_subclass_with_changed_argument_order():
    moved = migrate_script(b"from tensorflow_addons.optimizers import COCOB\n\n\nclass Mine(COCOB):\n    pass\n").script
    told = "# tensorsmith migrate: optimizers.COCOB: arguments after alpha stand elsewhere now: give them by name"
    assert moved.decode().splitlines() == [
        "from tensorsmith.optimizers import COCOB",
        "",
        "",
        told,
        "class Mine(COCOB):",
        "    pass",
    ]


@pytest.mark.parametrize(
    "use",
    ["type(o) != {}", "isinstance(o, {})", "isinstance(o, (tf.Module, {}))", "issubclass(o, {})", "o in ({}, None)"],
)
def test_compared_classes_have_no_comments(use):
    name = "tfa.optimizers.MultiOptimizer"
    moved = migrate_script(f"import tensorflow_addons as tfa\n\ny = {use.format(name)}\n".encode()).script.decode()
    assert moved.endswith(f"\n\ny = {use.format('tensorsmith.optimizers.MultiOptimizer')}\n")
    called = migrate_script(f"import tensorflow_addons as tfa\n\ny = f({name})\n".encode()).script.decode()
    assert "arguments after" in called


@pytest.mark.parametrize("how", ["importlib.import_module", "import_module", "__import__"])
@pytest.mark.parametrize("name", ["tensorflow_addons", "tensorflow_addons.layers"])
def test_dynamic_imports(how, name):
    script = f'tfa = {how}("{name}")\ny = tfa.layers.Maxout(3)\n'
    moved = migrate_script(script.encode())
    assert (moved.rewritten, moved.left) == (0, 1)
    first, *rest = moved.script.decode().splitlines(keepends=True)
    assert first.startswith("# tensorsmith migrate: tensorflow_addons: uses are not seen")
    assert "".join(rest) == script
    assert migrate_script(moved.script).script == moved.script
    other = f'tfa = {how}("tensorflow")\n'.encode()
    assert migrate_script(other).script == other


def test_outdated_comments_are_removed():
    old = "# tensorsmith migrate: layers.Maxout: no successor yet\n# mine\ny = tfa.layers.Maxout(3)\n"
    moved = migrate_script(f"import tensorflow_addons as tfa\n\n{old}".encode())
    assert moved.script == b"import tensorsmith.layers\n\n# mine\ny = tensorsmith.layers.Maxout(3)\n"


def test_outdated_ambiguity_comments_are_removed():
    script = b"import tensorflow_addons as tfa\ntfa = stub\n\ny = tfa.layers.Maxout(3)\n"
    moved = migrate_script(script).script
    assert b"# tensorsmith migrate: layers.Maxout: this name has more than one meaning\ny = " in moved
    again = migrate_script(moved.replace(b"tfa = stub\n", b"")).script
    assert again == b"import tensorsmith.layers\n\ny = tensorsmith.layers.Maxout(3)\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("F1Score", "tensorsmith.metrics.F1Score takes its place"),
        ("hardshrink", "keras.activations.hard_shrink takes its place, with other arguments"),
        ("KerasLegacyOptimizer", MOVES["optimizers.KerasLegacyOptimizer"].reason),
    ],
)
def test_reasons_of_registered_names(name, reason):
    """A difference in the arguments is reported where it applies."""
    moved = migrate_script(f'loss = "Addons>{name}"\n'.encode())
    assert moved.script.decode() == f'# tensorsmith migrate: Addons>{name}: {reason}\nloss = "Addons>{name}"\n'


@pytest.mark.parametrize(
    ("script", "version", "works"),
    [
        ("", (3, 11), True),
        ("", (3, 12), False),
        ("tfa.layers.CRF(9)\n", (3, 11), False),
        ("import keras\n", (3, 11), False),
        ("import tensorsmith.addons\n", (3, 11), True),
        ("tf.keras.optimizers.Adam(lr=0.1)\n", (3, 11), False),
    ],
)
def test_reference_to_bridge(script, version, works, monkeypatch):
    """The old code runs with Addons only as a whole, and on Python 3.11."""
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    head = "import tensorflow as tf\nimport tensorflow_addons as tfa\n"
    moved = migrate_script(f"{head}{script}tfa.options.disable_custom_kernel()\n".encode())
    told = f"# tensorsmith migrate: options: {MOVES['options'].reason}"
    end = "; `import tensorsmith.addons` before `import tensorflow_addons` runs the old code" if works else ""
    assert f"{told}{end}\n" in moved.script.decode()
    assert migrate_script(moved.script).script == moved.script


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(axis=3, epsilon=2,\n    name='a')", "(axis=3, epsilon=2,\n    name='a', groups=-1)"),
        ("(\n    axis=3  # why\n)", "(\n    axis=3,  # why\n    groups=-1\n)"),
        ("(\n    axis=3,  # why\n)", "(\n    axis=3,  # why\n    groups=-1,\n)"),
        (
            "(  # what\n    axis=3,  # why\n    name='a',\n)",
            "(  # what\n    axis=3,  # why\n    name='a',\n    groups=-1,\n)",
        ),
        ("(groups=-1)", "(groups=-1)"),
        ("()", "(groups=-1)"),
    ],
)
def test_argument_formatting_is_preserved(before, after):
    script = f"import tensorflow_addons as tfa\ny = tfa.layers.InstanceNormalization{before}\n"
    moved = migrate_script(script.encode()).script.decode()
    assert moved == f"import keras\ny = keras.layers.GroupNormalization{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import tensorflow_addons.activations.mish as m\nm.mish(1)", "import keras\nkeras.activations.mish(1)"),
        (
            "import keras\nimport tensorflow_addons.rnn\ntensorflow_addons.layers.TLU.from_config(c)",
            "import keras\nimport tensorsmith.layers\ntensorsmith.layers.TLU.from_config(c)",
        ),
        (
            "from tensorflow_addons.layers.netvlad import NetVLAD as V\nimport os\nV(2)",
            "import os\nfrom tensorsmith.layers import NetVLAD as V\nV(2)",
        ),
        (
            "import os\n\n# old\nfrom tensorflow_addons import (losses as l,\n    layers)\n\nl.PinballLoss()",
            "import os\n\n# old\nimport tensorsmith.losses\n\ntensorsmith.losses.PinballLoss()",
        ),
        (
            '"""What it is."""\n\n\ndef f():\n    import tensorflow_addons as a\n    return a.layers.TLU()',
            '"""What it is."""\n\nimport tensorsmith.layers\n\n\ndef f():\n    return tensorsmith.layers.TLU()',
        ),
        (
            "import keras, tensorflow_addons as a\na.layers.GroupNormalization(2)",
            "import keras\nkeras.layers.GroupNormalization(2)",
        ),
    ],
)
def test_imports(before, after):
    assert migrate_script(before.encode()).script.decode() == after


def test_line_endings_and_encoding():
    script = "# coding: latin-1\r\nimport tensorflow_addons as tfa\r\ny = tfa.layers.Maxout(3, name='größe')"
    moved = migrate_script(script.encode("latin-1")).script
    assert moved.decode("latin-1") == script.replace("tensorflow_addons as tfa", "tensorsmith.layers").replace(
        "tfa.", "tensorsmith."
    )


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (b"import tensorflow_addons\n\nprint 3\n", "^:3: not valid Python 3: Missing parentheses in call to 'print'"),
        (b"import tensorflow_addons\ntry:\n    pass\nexcept A, e:\n    pass\n", "^:4: not valid Python 3: multiple ex"),
        (b"# tensorflow_addons\n'\xff'\n", "can't decode"),
        (b"# tensorflow_addons\n\n\n'\xff'\n", "can't decode"),
        (b"import tensorflow_addons\nx = 1" + b" + 1" * 6000, "^: too deeply nested"),
        (b"import tensorflow_addons\nx = a" + b".b" * 1500, "^: too deeply nested"),
        (b"import tensorflow_addons\nx = " + b"(" * 3000 + b"1" + b")" * 3000, "^:2: .*too many nested parentheses"),
        (b"import tensorflow_addons\nx = '\0'\n", "null bytes"),
        (b"# coding: nowhere\n# tensorflow_addons\n", "unknown encoding: nowhere"),
        (b"# coding: rot13\n# tensorflow_addons\n", "'rot13' is not a text encoding"),
    ],
)
def test_invalid_python(script, message):
    with pytest.raises(UnreadableError, match=message):
        migrate_script(script)


START, MOVED = (
    b"import tensorflow_addons as tfa\nc = tfa.layers.CRF(9)\n",
    b"import tensorsmith.layers\nc = tensorsmith.layers.CRF(9)\n",
)


@pytest.mark.parametrize(
    "end",
    [
        b"\n    # an indented comment, and blanks as editors insert them\n  ",
        b"\n    # after an empty line\n",
        b"if c:\n    pass\n\n    # inside\n\n  # between\n# outside\n\n\n",
        b"x = 1\n\r",
        b"x = 1  # no newline",
        b"x = 1\t ",
        b"# comment\n\x0c",
        b"",
    ],
)
def test_end_of_script_is_unchanged(end):
    assert migrate_script(START + end).script == MOVED + end


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (START + b'if c is None:\n    a = 1\n\\\nprint("always")\n', 5),  # would be moved into the block
        (b"# coding: cp932\n" + START + b'x = "\xfa\x54\xee\xf9\x87\x90"\n', 4),  # characters with several encodings
    ],
)
def test_scripts_that_would_change_elsewhere_are_refused(script, line):
    with pytest.raises(UnreadableError, match=f"^:{line}: LibCST does not preserve this line$"):
        migrate_script(script)


def test_indentation_by_form_feeds():
    with pytest.raises(UnreadableError, match="LibCST cannot parse it"):
        migrate_script(START + b"def f():\n\f\tpass\n")
