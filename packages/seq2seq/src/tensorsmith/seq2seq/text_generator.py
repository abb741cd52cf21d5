"""Generation of text with a language model and its tokenizer."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tensorsmith.core import check, is_integer
from tensorsmith.seq2seq._decode import stream
from tensorsmith.seq2seq._support.types import Choose, InitialState, Step
from tensorsmith.seq2seq.choices import greedy

REPLACEMENT = "\ufffd"  # of bytes that are not a complete character yet


class TextGenerator(NamedTuple):
    """Language model and tokenizer, as the function `generator` of a recipe returns them.

    Attributes:
        step: Function for `decode`, such as that of `recurrent_step`.
        initial_state: Function that returns the initial state for a batch size.
        encode: Function that returns the tokens of a string.
        decode: Function that returns the string of tokens.
        end: Token that ends a text, or `None`.
    """

    step: Step
    initial_state: InitialState
    encode: Callable[[str], Sequence[int]]
    decode: Callable[[Sequence[int]], str]
    end: int | None = None

    def generate(self, prompt: str, length: int, choose: Choose = greedy) -> Iterator[str]:
        """Yield the parts of a text that continues a prompt, as soon as they are generated.

        Args:
            prompt: Start of the text, which is not yielded.
            length: Maximum number of tokens to generate.
            choose: Function that chooses the next token, such as the result of `temperature_sampling`.

        Yields:
            Strings of one or more characters.

        Raises:
            ValueError: If `length` is not a positive integer, or the prompt has no tokens.

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
        check(is_integer(length) and length > 0, "length", length, "a positive integer")
        tokens = list(self.encode(prompt))
        check(bool(tokens), "prompt", prompt, "a text of at least one token")
        return self._parts(tokens, length, choose)

    def _parts(self, prompt: list[int], length: int, choose: Choose) -> Iterator[str]:
        found: list[int] = []
        shown = ""
        for chosen in stream(self.step, self.initial_state(1), [prompt], choose):
            found.append(int(chosen[0]))
            ended = found[-1] == self.end or len(found) == length
            text = self.decode([token for token in found if token != self.end])
            if ended or not text.endswith(REPLACEMENT):
                yield text[len(shown) :]
                shown = text
            if ended:
                return
