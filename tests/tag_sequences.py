"""Scores of tag sequences, as the reference in tests of conditional random fields (CRF)."""

import itertools


def score(unaries, transitions, tags):
    """Return the score of a tag sequence."""
    own = sum(unaries[t, tag] for t, tag in enumerate(tags))
    return own + sum(transitions[pair] for pair in itertools.pairwise(tags))


def all_scores(unaries, transitions, allowed=None):
    """Return the scores of all tag sequences that a mask of shape `(steps, tags)` allows, by sequence."""
    steps, count = unaries.shape
    return {
        tags: score(unaries, transitions, tags)
        for tags in itertools.product(range(count), repeat=steps)
        if allowed is None or all(allowed[t, tag] for t, tag in enumerate(tags))
    }
