"""Generation of text with a language model and its tokenizer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._beam_search import Hypotheses, Options, searched_with_problems
from tensorsmith.seq2seq._decode import Decoded, decoded_with_problems, stream
from tensorsmith.seq2seq._support.arguments import check_positive, checked_adjust
from tensorsmith.seq2seq._support.problems import report
from tensorsmith.seq2seq._support.types import Adjust, Choose, InitialState, State, Step
from tensorsmith.seq2seq.choices import greedy

REPLACEMENT = "\ufffd"  # of bytes that are not a complete character yet


class TextGenerator(NamedTuple):
    """Model and tokenizer, as the function `generator` of a recipe returns them.

    The constructor is for language models, which continue a prompt. See `from_encoder_decoder` for models that
    translate it.

    Attributes:
        step: Function for `decode`, such as that of `recurrent_step`.
        initial_state: Function that returns the initial state for a batch size.
        encode: Function that returns the tokens of a string.
        decode: Function that returns the string of tokens.
        end: Token that ends a text, or `None`.
        begin: Function that takes the tokens of a prompt, of shape `(1, tokens)`, and returns `step`, the initial state
            and the prompt for `decode`. If `None`, `step` continues the prompt.
    """

    step: Step
    initial_state: InitialState
    encode: Callable[[str], Sequence[int]]
    decode: Callable[[Sequence[int]], str]
    end: int | None = None
    begin: Callable[[Tensor], tuple[Step, State, Tensor]] | None = None

    @classmethod
    def from_encoder_decoder(
        cls,
        encoder: Callable[[Tensor], tuple[Step, State]],
        encode: Callable[[str], Sequence[int]],
        decode: Callable[[Sequence[int]], str],
        start: int,
        end: int,
    ) -> "TextGenerator":
        """Return the generator of a model that encodes the prompt and generates another text.

        Args:
            encoder: Function that takes source tokens of shape `(1, tokens)` and returns `step` and the initial state
                for `decode`, such as `tensorsmith.models.encoder_decoder_step` with a model.
            encode: Function that returns the source tokens of a string.
            decode: Function that returns the string of target tokens.
            start: Token that starts a target sequence.
            end: Token that ends a target sequence.

        Example:
            >>> import tensorflow as tf
            >>> from tensorsmith.seq2seq import TextGenerator
            >>> def copied(source):  # generates the source, followed by the token 0
            ...     source = tf.pad(source, [[0, 0], [0, 2]])
            ...     return lambda tokens, count: (tf.one_hot(source[:, count], 128), count + 1), tf.constant(0)
            >>> generator = TextGenerator.from_encoder_decoder(copied, lambda text: [*map(ord, text)],
            ...     lambda tokens: "".join(map(chr, tokens)), start=1, end=0)
            >>> "".join(generator.generate("abc", length=5))
            'abc'
        """

        def begin(source: Tensor) -> tuple[Step, State, Tensor]:
            return (*encoder(source), tf.constant([[start]]))

        return cls(_translate, _translate, encode, decode, end, begin)

    def generate(
        self, prompt: str, length: int, choose: Choose = greedy, adjust: Sequence[Adjust] = ()
    ) -> Iterator[str]:
        """Yield the parts of a text that continues a prompt, as soon as they are generated.

        Args:
            prompt: Start of the text, which is not yielded.
            length: Maximum number of tokens to generate.
            choose: Function that chooses the next token, such as the result of `temperature_sampling`.
            adjust: Functions that change the logits, such as the result of `repetition_penalty`.

        Yields:
            Strings of one or more characters.

        Raises:
            ValueError: If `length` is not a positive integer, or the prompt has no tokens, or one that a language model
                has no logit for, as its tokenizer is that of another model.

        Example:
            >>> import tensorflow as tf
            >>> from tensorsmith.seq2seq import TextGenerator
            >>> def next_letter(tokens, state):
            ...     return tf.one_hot(tokens + 1, 128), state
            >>> generator = TextGenerator(next_letter, lambda batch_size: (), lambda text: [*map(ord, text)],
            ...     lambda tokens: "".join(map(chr, tokens)))
            >>> "".join(generator.generate("abc", length=5))
            'defgh'
        """
        check_positive("length", length)
        return self._parts(self._encoded(prompt, self._vocabulary()), length, choose, checked_adjust(adjust))

    def complete(
        self, prompts: Iterable[str], length: int, choose: Choose = greedy, adjust: Sequence[Adjust] = ()
    ) -> Iterator[str]:
        """Yield a text that continues each of several prompts.

        The texts are those of `generate`, but the model is traced once for all prompts.

        Args:
            prompts: Starts of the texts, which are not yielded.
            length: Maximum number of tokens to generate for each prompt.
            choose: Function as for `generate`.
            adjust: Functions as for `generate`.

        Yields:
            A string for each prompt.

        Raises:
            ValueError: If an argument is invalid, or a prompt has no or invalid tokens, as for `generate`.

        Example:
            >>> import tensorflow as tf
            >>> from tensorsmith.seq2seq import TextGenerator
            >>> def next_letter(tokens, state):
            ...     return tf.one_hot(tokens + 1, 128), state
            >>> generator = TextGenerator(next_letter, lambda batch_size: (), lambda text: [*map(ord, text)],
            ...     lambda tokens: "".join(map(chr, tokens)))
            >>> list(generator.complete(["abc", "A"], length=5))
            ['defgh', 'BCDEF']
        """
        check_positive("length", length)
        adjust = checked_adjust(adjust)

        @tf.function(input_signature=[tf.TensorSpec([1, None], tf.int32)])
        def decoded(prompt: Tensor) -> tuple[Decoded, Tensor]:
            return decoded_with_problems(*self._begin(prompt), length, choose, self.end, adjust)

        vocabulary = self._vocabulary()
        for prompt in prompts:
            found, problems = decoded(tf.constant([self._encoded(prompt, vocabulary)]))
            report(problems)
            yield self._text(found.tokens[0], found.lengths[0])

    def search(
        self,
        prompts: Iterable[str],
        length: int,
        beams: int,
        length_penalty: float = 0.0,
        adjust: Sequence[Adjust] = (),
    ) -> Iterator[list[tuple[str, float]]]:
        """Yield the texts that a beam search finds for each of several prompts.

        Args:
            prompts: Starts of the texts, which are not yielded.
            length: Maximum number of tokens to generate for each prompt.
            beams: Number of texts for each prompt.
            length_penalty: Exponent as for `beam_search`.
            adjust: Functions as for `generate`.

        Yields:
            A list of at most `beams` texts with their scores for each prompt, the best one first.

        Raises:
            ValueError: If an argument is invalid, or a prompt has no or invalid tokens, as for `generate`.

        Example:
            >>> import tensorflow as tf
            >>> from tensorsmith.seq2seq import TextGenerator
            >>> def next_letter(tokens, state):
            ...     return 3 * tf.one_hot(tokens + 1, 128) + 2 * tf.one_hot(tokens + 2, 128), state
            >>> generator = TextGenerator(next_letter, lambda batch_size: (), lambda text: [*map(ord, text)],
            ...     lambda tokens: "".join(map(chr, tokens)))
            >>> [[text for text, score in texts] for texts in generator.search(["abc", "A"], length=2, beams=2)]
            [['de', 'df'], ['BC', 'BD']]
        """
        options = Options(length, beams, self.end, length_penalty, 0.0, None, checked_adjust(adjust))

        @tf.function(input_signature=[tf.TensorSpec([1, None], tf.int32)])
        def searched(prompt: Tensor) -> tuple[Hypotheses, Tensor]:
            return searched_with_problems(*self._begin(prompt), options)

        vocabulary = self._vocabulary()
        for prompt in prompts:
            found, problems = searched(tf.constant([self._encoded(prompt, vocabulary)]))
            report(problems)
            each = zip(found.tokens[0], found.lengths[0], found.scores[0].numpy().tolist(), strict=True)
            yield [(self._text(tokens, size), score) for tokens, size, score in each if score > float("-inf")]

    def _begin(self, prompt: Tensor) -> tuple[Step, State, Tensor]:
        """Return the step, the initial state and the prompt for the tokens of a prompt."""
        return self.begin(prompt) if self.begin else (self.step, self.initial_state(1), prompt)

    def _vocabulary(self) -> int | None:
        """Return the number of logits of a language model. That of an encoder for the prompt is not known."""
        if self.begin:
            return None
        logits, _ = self.step(tf.zeros([1], tf.int32), self.initial_state(1))
        return int(logits.shape[-1])

    def _encoded(self, prompt: str, vocabulary: int | None) -> list[int]:
        tokens = list(self.encode(prompt))
        check(bool(tokens), "prompt", prompt, "a text of at least one token")
        if vocabulary is not None:  # without this check, an embedding raises an error or, on a GPU, returns zeros
            invalid = next((int(token) for token in tokens if not 0 <= token < vocabulary), None)
            expected = f"a text of tokens in [0, {vocabulary}), the vocabulary of the model"
            remedy = "use the tokenizer with which the model was trained"
            check(invalid is None, "prompt", Verbatim(f"token {invalid}"), expected, remedy)
        return tokens

    def _text(self, tokens: Tensor, length: Tensor) -> str:
        """Return the string of the first tokens, without the end token."""
        return self.decode([token for token in tokens[:length].numpy().tolist() if token != self.end])

    def _parts(self, prompt: list[int], length: int, choose: Choose, adjust: tuple[Adjust, ...]) -> Iterator[str]:
        found: list[int] = []
        shown = ""
        for chosen in stream(*self._begin(tf.constant([prompt])), choose, adjust):
            found.append(int(chosen[0]))
            ended = found[-1] == self.end or len(found) == length
            text = self.decode([token for token in found if token != self.end])
            if ended or not text.endswith(REPLACEMENT):
                yield text[len(shown) :]
                shown = text
            if ended:
                return


def _translate(*arguments: Any) -> Any:
    """Stand for the functions `step` and `initial_state` of an encoder-decoder, which depend on the prompt."""
    raise TypeError("The step of an encoder-decoder depends on the prompt. Call `begin` with its tokens.")
