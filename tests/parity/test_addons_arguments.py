"""Tests that positional arguments have the same meaning as in TensorFlow Addons."""

import json

import pytest
from side import positions

from tensorsmith import image, layers, losses, metrics, seq2seq, text

PACKAGES = [  # package of Addons, module and number of common components
    ("activations", layers.activations, 5),
    ("image", image, 26),
    ("layers", layers, 19),
    ("losses", losses, 21),
    ("metrics", metrics, 15),
    ("rnn", layers, 5),
    ("seq2seq", losses, 2),
    ("seq2seq", seq2seq, 29),
    ("text", text, 18),
]
RENAMED = {"MultiHeadAttention": "AddonsMultiHeadAttention"}


@pytest.mark.parametrize(("package", "module", "count"), PACKAGES, ids=[room[1].__name__ for room in PACKAGES])
def test_positional_arguments(addons, package, module, count):
    theirs = json.loads(addons("positional", [], package=package)[0].tobytes())
    ours = {name: getattr(module, RENAMED.get(name, name), None) for name in theirs}
    ours = {name: component for name, component in ours.items() if component is not None}
    assert len(ours) == count
    for name, component in ours.items():
        assert positions(component)[: len(theirs[name])] == theirs[name], name
