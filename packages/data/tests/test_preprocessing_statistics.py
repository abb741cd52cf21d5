"""Streaming statistics, compared with scikit-learn, NumPy and plain Python."""

from collections import Counter

import numpy as np
import pytest
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from tensorsmith.data.preprocessing.statistics import Moments, Quantiles, TokenCounts

RNG = np.random.default_rng(0)


def gathered(statistics, data, size):
    for start in range(0, len(data), size):
        statistics.update(data[start : start + size])
    return statistics


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_moments(size):
    data = RNG.normal([0, 1e8, 5], [1, 3, 1e-9], (1000, 3))
    data[:, 2] = 0.1  # constant
    moments, scaler = gathered(Moments(), data, size), StandardScaler().fit(data)
    np.testing.assert_allclose(moments.mean, scaler.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(moments.variance), scaler.scale_, rtol=1e-6)
    assert moments.variance[2] == 1


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_exact_quantiles(bins):
    values = RNG.lognormal(size=2000)
    found = gathered(Quantiles(keep=1000), values, 64).boundaries(bins)
    np.testing.assert_allclose(found, np.quantile(values, np.arange(1, bins) / bins))
    method = {"strategy": "quantile", "encode": "ordinal", "quantile_method": "linear"}
    theirs = KBinsDiscretizer(bins, subsample=None, **method).fit(values[:, None])
    np.testing.assert_allclose(found, theirs.bin_edges_[0][1:-1])


def test_quantiles_of_a_sample():
    values = RNG.permutation(100_000).astype("float64")
    found = gathered(Quantiles(keep=2000), values, 777)
    assert 2000 <= len(found._values) <= 4000
    # The standard error of a fraction of one half is sqrt(0.25 / 2000) = 0.011; the bound is five of them.
    np.testing.assert_allclose(np.array(found.boundaries(4)) / 100_000, [0.25, 0.5, 0.75], atol=0.056)
    assert found.boundaries(9) == gathered(Quantiles(keep=2000), values, 777).boundaries(9)
    assert found.boundaries(9) != gathered(Quantiles(keep=2000, seed=1), values, 777).boundaries(9)


def test_sampling_is_uniform():
    kept = Counter()
    for seed in range(300):
        kept.update(gathered(Quantiles(10, seed), np.arange(100.0), 9)._values.astype(int).tolist())
    early, late = (sum(kept[value] for value in part) for part in (range(50), range(50, 100)))
    assert abs(early - late) < 5 * np.sqrt(early + late)  # the binomial variance is an upper bound


def test_bins_of_duplicate_values():
    zeros_mostly = np.concatenate([np.zeros(60), np.arange(1.0, 41)])
    boundaries = gathered(Quantiles(), zeros_mostly, 9).boundaries(10)
    assert boundaries == sorted(set(boundaries))
    assert len(Counter(np.digitize(zeros_mostly, boundaries))) == len(boundaries) + 1
    constant = gathered(Quantiles(), np.ones(9), 3)
    assert constant.boundaries(4) == []


def test_exact_token_counts():
    documents = [RNG.integers(0, 50, 6).tolist() for _ in range(200)]
    found = gathered(TokenCounts(keep=50), documents, 9)
    assert found.counts == Counter(token for document in documents for token in document)
    assert found.document_counts == Counter(token for document in documents for token in set(document))
    assert found.documents == 200
    np.testing.assert_equal(gathered(TokenCounts(), np.array(documents), 9).counts, found.counts)


def test_token_count_error_bound():
    keep = 100
    tokens = np.minimum(RNG.zipf(1.2, 50_000), 10**6)
    found = gathered(TokenCounts(keep), tokens.reshape(-1, 5), 40)
    exact = Counter(tokens.tolist())
    assert len(exact) > 20 * keep
    assert len(found.counts) <= keep
    bound = 2 / keep * len(tokens)
    for token, count in exact.items():
        assert count - bound <= found.counts[token] <= count
    assert found.document_counts.keys() <= found.counts.keys()


def test_ties_are_sorted_by_token():
    found = gathered(TokenCounts(), [[b"b", b"a"], [b"c", b"c", b"a", b"b"]], 1)
    assert found.most_frequent() == [b"a", b"b", b"c"]
    assert found.most_frequent(1) == [b"a"]


@pytest.mark.parametrize(
    ("values", "bins"), [([0.0, 10.0], 4), ([1.0, 2.0, 3.0, 4.0, 5.0], 10), ([1.0] * 7 + [2.0] * 3, 5)]
)
def test_bins_are_not_empty(values, bins):
    quantiles = Quantiles()
    quantiles.update(np.array(values))
    boundaries = quantiles.boundaries(bins)
    assert (np.bincount(np.digitize(values, boundaries), minlength=len(boundaries) + 1) > 0).all()
    assert boundaries


def test_variance_of_large_values():
    """Tests timestamps in nanoseconds within one second."""
    moments = Moments()
    spread = np.random.default_rng(0).random(1000) * 1e9
    for _ in range(2000):
        moments.update((1.7e18 + spread)[:, None])
    np.testing.assert_allclose(moments.variance, [spread.var()], rtol=1e-3)


@pytest.mark.parametrize("value", [0.1, -1e9 / 3, 1.7e18, 1e-300])
def test_variance_of_constant_values(value):
    moments = Moments()
    for size in [7, 1, 1000] * 300:
        moments.update(np.full((size, 1), value))
    assert moments.variance.tolist() == [1.0]
