"""Tests of number checks and of the conversion to Python numbers."""

import json
from collections import namedtuple
from fractions import Fraction

import numpy as np

from tensorsmith.core import is_number, plain

Pair = namedtuple("Pair", ["one", "other"])


def test_integers_beyond_float_range():
    assert is_number(10**300)
    assert not is_number(10**400)


def test_plain_preserves_containers():
    found = plain({"pair": Pair(np.int64(1), [np.float32(0.5)]), "tuple": (np.float64(2.0), "text")})
    assert found == {"pair": Pair(1, [0.5]), "tuple": (2.0, "text")}
    assert type(found["pair"]) is Pair
    assert json.dumps(found) == '{"pair": [1, [0.5]], "tuple": [2.0, "text"]}'


def test_fractions_become_floats():
    assert is_number(Fraction(1, 4))
    assert json.dumps(plain([Fraction(1, 4)])) == "[0.25]"
