"""Classifier of texts with embeddings of words."""

import keras
from keras import layers

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.layers import GRU, EmbeddingBag
from tensorsmith.models.networks._support.arguments import check_option

ENCODERS = ("mean", "gru", "convolution")
KERNEL_SIZE = 3  # tokens that each filter of the convolution reads


def text_classifier(
    vocabulary_size: int,
    outputs: int = 1,
    embedding: int = 64,
    encoder: str = "mean",
    units: int = 64,
    dropout: float = 0.5,
    steps: int | None = None,
) -> keras.Model:
    """Build a text classifier: embeddings of tokens, an encoder, and a dense layer with probabilities.

    The token 0 is padding at the end of a sequence. The mean and the GRU layer ignore it; the convolution reads it like
    any other token.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016 (mean); Cho et al., "Learning Phrase
    Representations using RNN Encoder-Decoder", 2014 (GRU); Kim, "Convolutional Neural Networks for Sentence
    Classification", 2014, which has filters of 3, 4 and 5 tokens (convolution).

    Args:
        vocabulary_size: Number of tokens in the vocabulary, including that of padding.
        outputs: Number of classes, or 1 for the probability of the second of two classes.
        embedding: Dimension of the embeddings.
        encoder: "mean" (mean of the embeddings times the square root of their number), "gru" (final states of a
            bidirectional GRU layer) or "convolution" (maximum over the sequence of convolutions of 3 tokens).
        units: Units of the GRU layer in each direction, or half of the number of filters of the convolution. The mean
            has none.
        dropout: Dropout rate of the encoded texts, and of the channels of the embeddings in front of a GRU layer or a
            convolution.
        steps: Number of tokens in each sequence, at least 3 for a convolution. If `None`, it may vary.

    Returns:
        A functional model that maps int32 tokens of shape `(batch, steps)` to probabilities of shape `(batch,
        outputs)`, computed by a sigmoid for one output and a softmax for several.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = text_classifier(10_001, embedding=16)
        >>> model.count_params(), model.output_shape
        (160033, (None, 1))
    """
    numbers = {"vocabulary_size": vocabulary_size, "outputs": outputs, "embedding": embedding, "units": units}
    for name, number in numbers.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_option("encoder", encoder, ENCODERS)
    check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "in [0, 1)")
    smallest = KERNEL_SIZE if encoder == "convolution" else 1
    valid = steps is None or (is_integer(steps) and steps >= smallest)
    check(valid, "steps", steps, f"an integer of at least {smallest}, or None")

    tokens = keras.Input((steps,), dtype="int32")
    if encoder == "mean":
        x = EmbeddingBag(vocabulary_size, embedding, combiner="sqrtn", padding_index=0)(tokens)
    else:
        x = layers.Embedding(vocabulary_size, embedding, mask_zero=encoder == "gru")(tokens)
        x = _encoded(layers.SpatialDropout1D(dropout)(x), encoder, units)
    activation = "sigmoid" if outputs == 1 else "softmax"
    classifier = layers.Dense(outputs, activation, dtype="float32", name="classifier")
    return keras.Model(tokens, classifier(layers.Dropout(dropout)(x)), name=f"text_classifier_{encoder}")


def _encoded(x: Tensor, encoder: str, units: int) -> Tensor:
    """Return one vector for each sequence of embeddings."""
    if encoder == "gru":
        return layers.Bidirectional(GRU(units))(x)
    return layers.GlobalMaxPooling1D()(layers.Conv1D(2 * units, KERNEL_SIZE, activation="relu")(x))
