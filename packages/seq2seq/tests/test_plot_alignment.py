"""Plot of attention weights: labels, values, and errors."""

import matplotlib
import numpy as np
import pytest

from tensorsmith.seq2seq import plot_alignment
from tensorsmith.testing import raises_argument_error

matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(4), 3)


def labels(axis):
    """Return the positions and the labels of the ticks of an axis."""
    return axis.get_ticklocs().tolist(), [label.get_text() for label in axis.get_ticklabels()]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_words():
    """The source is at the top, rotated. Weights of further steps, such as padding, are not shown."""
    axes = plot_alignment(WEIGHTS, ["good", "day", "to"], ["buenos", "días"])
    assert labels(axes.xaxis) == ([0, 1, 2], ["good", "day", "to"])
    assert labels(axes.yaxis) == ([0, 1], ["buenos", "días"])
    assert axes.xaxis.get_ticks_position() == "top"
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {90}
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), WEIGHTS[:2, :3], rtol=1e-6)
    assert image.get_clim() == (0, 1)  # colors of several figures can be compared
    left, right, bottom, top = image.get_extent()
    assert (left, right, bottom, top) == (-0.5, 2.5, 1.5, -0.5)  # the first target step is at the top


def test_characters_in_given_axes():
    figure, (first, second) = plt.subplots(1, 2)
    assert plot_alignment(WEIGHTS, "abcd", "xyz", second) is second
    assert labels(second.xaxis) == ([0, 1, 2, 3], [*"abcd"])
    assert labels(second.yaxis) == ([0, 1, 2], [*"xyz"])
    assert {label.get_rotation() for label in second.get_xticklabels()} == {0}
    assert not first.images
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("weights", "source", "target"),
    [(WEIGHTS[0], "abcd", "xyz"), (WEIGHTS[None], "abcd", "xyz"), (WEIGHTS, "abcde", "xyz"), (WEIGHTS, "abcd", "wxyz")],
)
def test_wrong_shapes(weights, source, target):
    expected = f"have a shape of at least ({len(target)}, {len(source)}), the numbers of tokens"
    with raises_argument_error("weights", received=str(weights.shape), expected=expected):
        plot_alignment(weights, source, target)
    assert not plt.get_fignums()
