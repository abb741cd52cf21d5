"""Tests of `training` and `mask`, which Keras 3 accepts only by name."""

import pytest

from tensorsmith.migrate import migrate_script

HEAD = "import tensorflow as tf\nimport keras\nimport tensorflow_addons as tfa\n\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def call(self, x, training):", "def call(self, x, training=None):"),
        ("def call(self, x, training: bool):", "def call(self, x, training: bool = None):"),
        ("def call(self, x, training=False):", "def call(self, x, training=False):"),
        ("def call(self, x, training, mask):", "def call(self, x, training=None, mask=None):"),
        ("def call(self, x, *, training):", "def call(self, x, *, training=None):"),
        ("def call(self, x, *, units):", "def call(self, x, *, units):"),
        ("def call():", "def call():"),
        ("def call(*x):", "def call(*x):"),
        ("def other(self, x, training):", "def other(self, x, training):"),
    ],
)
def test_training_argument_of_call(before, after):
    """Keras 2 passes `training` to each layer; Keras 3 requires a default."""
    script = f"class Block(keras.layers.Layer):\n    {before}\n        return x\n"
    moved = migrate_script(f"{HEAD}{script}".encode()).script.decode()
    assert moved.endswith(script.replace(before, after))
    other = script.replace("keras.layers.Layer", "Client")
    assert migrate_script(f"{HEAD}{other}".encode()).script.decode().endswith(other)


@pytest.mark.parametrize(
    "assignment",
    [
        "f = build()",
        "e, f = build(), build()",
        "e, f = build_both()",
        "f = keras.Sequential(layers)",
    ],
)
def test_training_by_position(assignment):
    moved = migrate_script(f"{HEAD}{assignment}\n\n\ndef step(x):\n    return f(x, True)\n".encode())
    assert b"return f(x, training=True)" in moved.script


BLOCKS = """class Inner(keras.layers.Layer):
    def call(self, x, training=None, mask=None):
        return self.dropout(x, training)


class Derived(Inner):
    pass


class Plain:
    def __call__(self, x, training):
        return x


class Outer({base}):
    def __init__(self, n, given):
        self.inner, self.d, self.plain = Inner(), Derived(), Plain()
        self.a = Inner()
        self.b = Derived()
        self.c = keras.layers.Dropout(0.1)
        self.many = [Inner() for _ in range(n)]
        self.more = []
        self.more.append(Inner())
        self.dropout_layer = Plain()
        self.dense = given
        self.f = given

    def predict_one(self, x, training, mask):
        return {code}


outer = Outer(3, None)
"""


def rewritten_call(code, base="keras.Model"):
    """Returns a call in a method of a class after the migration, and the result."""
    result = migrate_script(f"{HEAD}{BLOCKS.format(code=code, base=base)}".encode())
    (line,) = (line for line in result.script.decode().split("def predict_one")[1].splitlines() if "return" in line)
    return line.strip().removeprefix("return "), result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self.a(x, training, mask)", "self.a(x, training=training, mask=mask)"),
        ("self.b(x, training, mask=mask)", "self.b(x, training=training, mask=mask)"),
        ("self.a(x, y, mask)", "self.a(x, training=y, mask=mask)"),
        ("self.c(x, training)", "self.c(x, training=training)"),
        ("self.many[0](x, training, mask)", "self.many[0](x, training=training, mask=mask)"),
        ("self.more[0](x, training)", "self.more[0](x, training=training)"),
        ("[each(x, True) for each in self.many]", "[each(x, training=True) for each in self.many]"),
        ("outer.a(x, True, None)", "outer.a(x, training=True, mask=None)"),
        ("Derived()(x, True, None)", "Derived()(x, training=True, mask=None)"),
        ("self.dense(x, True)", "self.dense(x, training=True)"),
        ("self.f(x, True)", "self.f(x, True)"),
        ("self.predict_one(x, True)", "self.predict_one(x, True)"),
        ("self.dropout_layer(x, True)", "self.dropout_layer(x, True)"),
    ],
)
def test_training_of_members(before, after):
    """Keras 3 accepts only tensors by position."""
    line, result = rewritten_call(before)
    assert (line, result.rejected) == (after, 0)


def test_training_of_unknown_layer():
    line, result = rewritten_call("self.dense(x, training, mask)")
    assert (line, result.rejected) == ("self.dense(x, training, mask)", 1)
    assert b"pass training by name" in result.script


def test_flags_of_members_in_other_classes():
    for code in ("self.f(x, True)", "self.dense(x, True)"):
        assert rewritten_call(code, "Client")[0] == code
    assert rewritten_call("self.a(x, True)", "Client")[0] == "self.a(x, training=True)"
    assert rewritten_call("self.model(x, True)", "Client")[0] == "self.model(x, training=True)"
