"""Bidirectional Transformer encoder."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.layers import Dense, Dropout, LayerNormalization, LearnedPositionalEncoding
from tensorsmith.models.networks._support.arguments import check_transformer, chosen_size
from tensorsmith.models.networks._support.blocks import scaled
from tensorsmith.models.networks._support.transformer_blocks import Sublayers


class Size(NamedTuple):
    """Size of a BERT.

    Attributes:
        blocks: Number of Transformer blocks.
        width: Number of features of a token.
        heads: Number of attention heads.
        parameters: Number of parameters with 30,522 tokens and a context of 512.
    """

    blocks: int
    width: int
    heads: int
    parameters: int


# Base and large: Devlin et al., 2019, section 3; the others: Turc et al., 2019, table 1. The parameters are those of
# the published checkpoints, with the dense layer of the pooled output.
SIZES = {
    "tiny": Size(2, 128, 2, 4_385_920),
    "mini": Size(4, 256, 4, 11_170_560),
    "small": Size(4, 512, 8, 28_763_648),
    "medium": Size(8, 512, 8, 41_373_184),
    "base": Size(12, 768, 12, 109_482_240),
    "large": Size(24, 1024, 16, 335_141_888),
}


def bert(
    size: str = "base",
    vocabulary_size: int = 30_522,
    context: int = 512,
    width: float = 1.0,
    blocks: int | None = None,
    dropout: float = 0.1,
    normalize_first: bool = False,
) -> keras.Model:
    """Build a BERT: a Transformer whose tokens attend to all tokens of a sequence, for understanding of text.

    Embeddings of tokens, positions and segments are added. In each block, layer normalization follows attention and
    dense layers. The token 0 is padding at the end of a sequence, which no token attends to.

    The layer named "embedding" is a `keras.layers.ReversibleEmbedding`, which also computes logits of tokens:
    `model.get_layer("embedding")(features, reverse=True)`.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019;
    normalization of the inputs: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020.

    Args:
        size: "tiny", "mini", "small", "medium", "base" or "large".
        vocabulary_size: Number of tokens in the vocabulary, including that of padding.
        context: Maximum number of steps.
        width: Factor of the number of features, which is rounded to a multiple of 8 times the number of heads.
        blocks: Number of Transformer blocks. If `None`, that of the size.
        dropout: Dropout rate of the embeddings, of the attention weights, and of the output of each layer in a block.
        normalize_first: If `True`, layer normalization is applied to the inputs of attention and dense layers and to
            the features at the end, which speeds up the first steps of training. If `False`, it is applied to the
            outputs as in the original.

    Returns:
        A functional model with the inputs "tokens" and "segments", both int32 of shape `(batch, steps)`. The segment of
        a token is 0 for the first sentence and 1 for the second one. The outputs are a dict of "sequence", features of
        shape `(batch, steps, features)`, and "pooled", features of the first token of shape `(batch, features)`, with a
        dense layer and tanh.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = bert("tiny", vocabulary_size=100, context=64)
        >>> tokens = keras.ops.array([[2, 7, 9, 3, 8, 3, 0]])
        >>> outputs = model({"tokens": tokens, "segments": keras.ops.array([[0, 0, 0, 0, 1, 1, 0]])})
        >>> outputs["sequence"].shape.as_list(), outputs["pooled"].shape.as_list()
        ([1, 7, 128], [1, 128])
    """
    chosen = chosen_size(size, SIZES)
    for name, number in {"vocabulary_size": vocabulary_size, "context": context}.items():
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_transformer(width, blocks, dropout)
    features = scaled(chosen.width, width, 8 * chosen.heads)
    normal = keras.initializers.TruncatedNormal(stddev=0.02)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    segments = keras.Input((None,), dtype="int32", name="segments")
    embedding = layers.ReversibleEmbedding(
        vocabulary_size,
        features,
        embeddings_initializer=normal,
        reverse_dtype="float32",
        name="embedding",
    )
    segment_embedding = layers.Embedding(2, features, embeddings_initializer=normal, name="segment_embedding")
    x = layers.Add(name="embeddings")([embedding(tokens), segment_embedding(segments)])
    x = LearnedPositionalEncoding(context, normal, name="positions")(x)
    x = Dropout(dropout)(LayerNormalization(epsilon=1e-12, name="normalization")(x))
    visible = keras.ops.not_equal(tokens, 0)  # the sum of embeddings with and without a mask has none
    sublayers = Sublayers(chosen.heads, dropout, 4 * features, "gelu", 1e-12, normalize_first)
    for block in range(chosen.blocks if blocks is None else blocks):
        x = sublayers.dense(sublayers.attention(x, f"block_{block}", value_mask=visible), f"block_{block}")
    if normalize_first:
        x = LayerNormalization(epsilon=1e-12, name="final_normalization")(x)
    pooled = Dense(features, "tanh", name="pooled")(x[:, 0])
    return keras.Model({"tokens": tokens, "segments": segments}, {"sequence": x, "pooled": pooled}, name=f"bert_{size}")
