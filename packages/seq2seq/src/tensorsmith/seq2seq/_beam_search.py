"""Search for the most probable sequences."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.arguments import check_end, check_in_vocabulary, check_positive, checked_adjust
from tensorsmith.seq2seq._support.beams import reordered, tiled
from tensorsmith.seq2seq._support.problems import report
from tensorsmith.seq2seq._support.prompts import checked_prompt, read_prompt
from tensorsmith.seq2seq._support.sampler_inputs import size_of
from tensorsmith.seq2seq._support.search import Found, Options, continued, empty
from tensorsmith.seq2seq._support.types import Adjust, Attention, State, Step


class Hypotheses(NamedTuple):
    """Sequences that a beam search has found, in descending order of their scores.

    If there are fewer sequences than beams, the last ones have the score -inf and the length 0.

    Attributes:
        tokens: int32 tensor of shape `(batch, beams, length)`. After the end of a sequence, all tokens are `end`.
        lengths: int32 tensor of shape `(batch, beams)` with the number of tokens of each sequence, including `end`.
        scores: Tensor of shape `(batch, beams)` with the log-probabilities after penalties.
        log_probabilities: Tensor of shape `(batch, beams)` with the log-probabilities of the sequences.
    """

    tokens: Tensor
    lengths: Tensor
    scores: Tensor
    log_probabilities: Tensor


def beam_search(
    step: Step,
    state: State,
    prompt: TensorLike,
    length: int,
    beams: int,
    end: int | None,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    attention: Attention | None = None,
    adjust: Sequence[Adjust] = (),
) -> Hypotheses:
    """Search for the most probable sequences that continue a prompt.

    At each position, the best hypotheses of each prompt are kept, as many as `beams`. Those that have ended remain in
    the beam and compete with the others. The search stops when all have ended, or after `length` tokens. It works in
    eager execution and in graphs.

    The score of a sequence Y of |Y| tokens, including `end`, given X, with the attention weights p of the source
    position i at step j:

        score(Y) = log P(Y | X) / ((5 + |Y|) / 6)^length_penalty + coverage_penalty * sum_i(log(min(sum_j(p_ij), 1)))

    The second term applies to sequences that have ended.

    Source: Wu et al., "Google's Neural Machine Translation System", 2016.

    Args:
        step: Function as for `decode`.
        state: Initial state for the prompts, as for `decode`. It is copied for each beam after the prompt. Scalars,
            such as counters, are common to all beams.
        prompt: Integer tensor of shape `(batch, tokens)`, or prompts of different lengths, as for `decode`.
        length: Maximum number of tokens to generate.
        beams: Number of hypotheses for each prompt. With 1 and without a coverage penalty, the search is greedy.
        end: Token that ends a sequence. If `None`, sequences do not end.
        length_penalty: Exponent >= 0 of the length penalty. Larger values prefer longer sequences, and 0 applies no
            penalty.
        coverage_penalty: Weight >= 0 of the coverage penalty, which requires `attention`.
        attention: Function that takes the state after a step and returns the attention weights of that step, of shape
            `(rows, source)`. Source positions without weight at all steps are considered padding.
        adjust: Functions as for `decode`. Hypotheses for which no token is allowed are dropped.

    Returns:
        A `Hypotheses` tuple.

    Raises:
        ValueError: If an argument is invalid. In eager execution also if logits are NaN or infinity, or if no token is
            allowed for all hypotheses of a prompt.
        tf.errors.InvalidArgumentError: In a graph, if logits are invalid, or values that are only known at run time.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import beam_search
        >>> following = tf.math.log([[0.0, 0.6, 0.4, 0.0], [0.0, 0.3, 0.3, 0.4], [0.0, 0.0, 0.1, 0.9]])
        >>> def step(tokens, state):  # the token 1 is the most probable one, but the end follows 2 more often
        ...     return tf.gather(following, tf.minimum(tokens, 2)), state
        >>> found = beam_search(step, state=(), prompt=[[0]], length=3, beams=2, end=3)
        >>> found.tokens[0].numpy()
        array([[2, 3, 3],
               [1, 3, 3]], dtype=int32)
        >>> print(tf.exp(found.scores[0]).numpy().round(2))
        [0.36 0.24]
    """
    options = Options(length, beams, end, length_penalty, coverage_penalty, attention, checked_adjust(adjust))
    hypotheses, problems = searched_with_problems(step, state, prompt, options)
    report(problems)
    return hypotheses


def searched_with_problems(step: Step, state: State, prompt: TensorLike, options: Options) -> tuple[Hypotheses, Tensor]:
    """Return the result of `beam_search`, and the codes of the problems of the logits, which are not reported."""
    _check(options)
    prompts, end = checked_prompt(prompt, state, options.adjust), options.end
    logits, state = read_prompt(step, state, prompts)
    _check_logits(logits, end)
    dtype = tf.float64 if logits.dtype == tf.float64 else tf.float32
    found = empty(options, tf.shape(prompts.tokens)[0], state, dtype)
    found, last, _ = continued(options, found, prompts.tokens, logits, state, position=0)

    def generate(position: Tensor, found: Found, last: Tensor, state: State) -> tuple[Any, ...]:
        logits, state = step(last, state)
        found, last, rows = continued(options, found, prompts.tokens, logits, state, position)
        return position + 1, found, last, reordered(state, rows)

    def unfinished(position: Tensor, found: Found, last: Tensor, state: State) -> Tensor:
        closed, valid = found.finished | found.none, found.problems == 0
        return (position < options.length) & ~tf.reduce_all(closed) & tf.reduce_all(valid)

    variables = tf.constant(1), found, last, tiled(state, options.beams)
    _, found, *_ = tf.while_loop(unfinished, generate, variables)
    tokens = tf.reshape(found.tokens, [-1, options.beams, options.length])
    tokens = tf.where(found.none[..., tf.newaxis], 0 if end is None else end, tokens)
    lengths = tf.where(found.none, 0, found.lengths)
    return Hypotheses(tokens, lengths, found.scores, found.log_probabilities), found.problems


def _check(options: Options) -> None:
    """Raise a `ValueError` unless the options of a search are valid."""
    check_positive("length", options.length)
    check_positive("beams", options.beams)
    check_end(options.end)
    for name in ("length_penalty", "coverage_penalty"):
        value = getattr(options, name)
        check(is_number(value) and value >= 0, name, value, "a number >= 0")
    attention, needed = options.attention, bool(options.coverage_penalty)
    expected = "a function of the state, which coverage_penalty requires" if needed else "a function or None"
    check(callable(attention) or (attention is None and not needed), "attention", attention, expected)


def _check_logits(logits: Tensor, end: int | None) -> None:
    """Raise an error unless logits have a floating-point dtype, and contain one for the end token if there is one."""
    received = Verbatim(f"a function that returns logits of dtype {logits.dtype.name}")
    check(logits.dtype.is_floating, "step", received, "a function that returns floating-point logits")
    if end is not None:
        check_in_vocabulary("end", end, size_of(logits, -1))
