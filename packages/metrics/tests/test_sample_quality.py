"""Tests of scores of generated samples against scikit-learn, SciPy and cases with known values."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn.neighbors import NearestNeighbors

from tensorsmith.metrics import sample_precision_recall, sliced_wasserstein_distance, vendi_score
from tensorsmith.testing import raises_argument_error


def within(of, others, neighbors):
    """Returns the fraction of samples within the spheres of a set of samples."""
    radii = NearestNeighbors(n_neighbors=neighbors + 1).fit(of).kneighbors(of)[0][:, -1]
    distances = np.linalg.norm(others[:, None] - of[None], axis=-1)
    return np.mean(np.any(distances <= radii, axis=1))


@pytest.mark.parametrize(("samples", "neighbors"), [(60, 1), (1100, 3)])  # more than are compared at once
def test_precision_and_recall(samples, neighbors):
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(samples, 3)), random.normal(0.8, 1.2, size=(samples + 7, 3))
    precision, recall = sample_precision_recall(real, fake, neighbors)
    assert precision == pytest.approx(within(real, fake, neighbors))
    assert recall == pytest.approx(within(fake, real, neighbors))
    assert 0 < precision < 1
    assert precision != recall


def test_precision_and_recall_of_collapsed_samples():
    real = np.random.default_rng(0).normal(size=(200, 2))
    collapsed = real[:1] + 1e-3 * np.random.default_rng(1).normal(size=(200, 2))
    precision, recall = sample_precision_recall(real, collapsed)
    assert precision == 1.0
    assert recall < 0.05
    assert sample_precision_recall(real, real + 100) == (0.0, 0.0)


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_vendi_score_of_groups(groups):
    features = np.repeat(np.eye(6)[:groups], 4, axis=0) * np.arange(1, 4 * groups + 1)[:, None]  # of any length
    assert vendi_score(features) == pytest.approx(groups)
    with_zeros = np.concatenate([features, np.zeros((4, 6))])
    assert vendi_score(with_zeros) == pytest.approx(groups + 1)


def test_vendi_score_matches_matrix_of_similarities():
    features = np.random.default_rng(0).normal(0.5, 1, size=(30, 8))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / 30)
    values = values[values > 1e-12]
    assert vendi_score(features) == pytest.approx(np.exp(-np.sum(values * np.log(values))))


def standardized(values):
    return (values - values.mean()) / values.std()


def test_sliced_wasserstein_distance_of_single_pixels():
    """Images of one pixel have one direction, up to its sign."""
    random = np.random.default_rng(0)
    real, fake = random.normal(size=300), random.exponential(size=300)
    distance = sliced_wasserstein_distance(
        real.reshape(300, 1, 1, 1), fake.reshape(300, 1, 1, 1), levels=1, patch_size=1, patches=1, projections=3
    )
    expected = wasserstein_distance(standardized(real), standardized(fake))
    np.testing.assert_allclose(distance, [expected], rtol=1e-4)


def test_sliced_wasserstein_distance_separates_scales():
    random = np.random.default_rng(0)

    def images():
        coarse = random.normal(size=(200, 8, 8, 1))
        return np.kron(coarse, np.ones((1, 4, 4, 1)))

    signs = np.indices((32, 32)).sum(axis=0) % 2 * 2 - 1  # the finest detail
    checkered = images() + signs[..., None] * random.choice([-1, 1], size=(200, 1, 1, 1))
    plain = sliced_wasserstein_distance(images(), images(), levels=3)
    fine, middle, coarse = sliced_wasserstein_distance(images(), checkered, levels=3)
    assert fine > 5 * plain[0]
    assert middle < 2 * plain[1]
    assert coarse < 2 * plain[2]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("real", ([1.0, 2.0], [[1.0]])),
        ("fake", ([[1.0], [2.0]], [[1.0, 2.0]])),
        ("fake", ([[1.0], [2.0]], [[1.0], [np.nan]])),
        ("real", ([[1.0]], [[1.0], [2.0]], 1)),
        ("neighbors", ([[1.0], [2.0]], [[1.0], [2.0]], 0)),
    ],
)
def test_bad_features(name, arguments):
    with raises_argument_error(name):
        sample_precision_recall(*arguments)


def test_bad_arguments():
    images = np.zeros((3, 16, 16, 1))
    with raises_argument_error("features"):
        vendi_score([[np.inf]])
    with raises_argument_error("fake"):
        sliced_wasserstein_distance(images, images[:2])
    with raises_argument_error("patch_size", remedy="pass fewer levels"):
        sliced_wasserstein_distance(images, images, levels=3)
    with raises_argument_error("patches"):
        sliced_wasserstein_distance(images, images, patches=0)
