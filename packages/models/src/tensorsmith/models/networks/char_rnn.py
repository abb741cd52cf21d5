"""Recurrent language model of characters."""

import keras
from keras import layers as keras_layers

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.layers import GRU, LSTM, Dropout
from tensorsmith.models.networks._support.arguments import check_option

CELLS = {"gru": GRU, "lstm": LSTM}


def char_rnn(
    vocabulary_size: int,
    embedding: int = 64,
    units: int = 512,
    layers: int = 1,
    cell: str = "gru",
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    stateful: bool = False,
    batch_size: int | None = None,
) -> keras.Model:
    """Build a recurrent language model: embeddings, recurrent layers, and logits of the next token at each step.

    Its tokens are usually characters, see `tensorsmith.text.CharacterTokenizer`. `tensorsmith.seq2seq.recurrent_step`
    returns its step for the generation of text.

    Source: Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks", 2015; Géron, "Hands-On Machine
    Learning with Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019, chapter 16. Both encode characters as one-hot
    vectors, of which embeddings are linear projections.

    Args:
        vocabulary_size: Number of tokens in the vocabulary.
        embedding: Dimension of the embeddings.
        units: Number of units of each recurrent layer.
        layers: Number of recurrent layers.
        cell: "gru" or "lstm", the type of the recurrent layers.
        dropout: Dropout rate after each recurrent layer.
        recurrent_dropout: Dropout rate of the states, with one mask for all steps of a sequence (Gal and Ghahramani,
            2016).
        stateful: If `True`, the final states of a batch are the initial states of the next one.
        batch_size: Number of sequences in each batch, which stateful models require. If `None`, it may vary.

    Returns:
        A functional model that maps int32 tokens of shape `(batch, steps)` to logits of shape `(batch, steps,
        vocabulary_size)`.

    Raises:
        ValueError: If an argument is invalid, or `stateful=True` without a batch size.

    Example:
        >>> model = char_rnn(66, embedding=256, units=1024)
        >>> model.count_params(), model.output_shape
        (4022850, (None, None, 66))
    """
    numbers = {"vocabulary_size": vocabulary_size, "embedding": embedding, "units": units, "layers": layers}
    for name, number in numbers.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_option("cell", cell, CELLS)
    for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
        check(is_number(rate) and 0 <= rate < 1, name, rate, "in [0, 1)")
    valid = batch_size is None or (is_integer(batch_size) and batch_size > 0)
    check(valid, "batch_size", batch_size, "a positive integer or None")
    check(batch_size is not None or not stateful, "batch_size", batch_size, "a positive integer with stateful=True")

    inputs = keras.Input(batch_shape=(batch_size, None), dtype="int32")
    x = keras_layers.Embedding(vocabulary_size, embedding)(inputs)
    for _ in range(layers):
        options = {"recurrent_dropout": recurrent_dropout, "return_sequences": True, "stateful": stateful}
        x = CELLS[cell](units, **options)(x)
        x = Dropout(dropout)(x)
    logits = keras_layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="char_rnn")
