"""Pretraining of a small BERT on reviews: masked words, and whether a sentence follows another one.

Data: 18,639 reviews of women's clothing and 8,605 sentences of movie reviews (license not stated; MIT)
Command: tensorsmith run transformer/bert

Pairs of sentences are [START] first [END] second [END]. 15 % of the tokens are selected, and most of them are hidden.
The model predicts the selected ones, and whether the second sentence follows the first one or is from another review
(Devlin et al., 2019). Layer normalization comes first, with which the loss falls in fewer steps than in the original
order. The sentences of movie reviews have no context, so that only their words are predicted.
`transformer/fine_tuning` trains the model further.
"""

import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.data.pipelines import bucket_by_length, map_with_seed, mask_tokens, next_sentence_pairs
from tensorsmith.layers import Dense, LayerNormalization
from tensorsmith.models import bert
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.text import BytePairTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    pieces: PositiveInt = 3_000  # number of tokens
    context: PositiveInt = 64  # maximum number of tokens of a pair
    blocks: PositiveInt = 4  # number of Transformer blocks with 128 features
    dropout: ClosedUnitInterval = 0.1  # dropout rate of embeddings and in each block
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 3e-3, default=1e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 32
    train_size: PositiveInt | None = None  # number of training reviews, and of sentences; null for all of them


SCORE = "validation masked_accuracy"
SMOKE = {"epochs": 1, "train_size": 150, "pieces": 300, "context": 24, "blocks": 1}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the tokenizer on both kinds of text."""
    texts = [load(name, split="train").features for name in ("clothing_reviews", "movie_reviews")]
    return {"tokenizer": BytePairTokenizer.train(np.concatenate(texts).tolist(), True, config.pieces)}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads tokens with masks, segments and positions; the targets are their tokens, and if a sentence follows."""
    tokenizer = prepared["tokenizer"]
    mask = tokenizer.unknown  # bytes can represent all words

    def masked(seed: tf.Tensor, inputs: dict[str, tf.Tensor], follows: tf.Tensor) -> tuple[Any, Any]:
        tokens, words = mask_tokens(seed, inputs["tokens"], mask=mask, vocabulary_size=tokenizer.size)
        most = tf.minimum(tf.shape(words)[1], config.context // 5)
        selected = tf.math.top_k(tf.cast(words >= 0, tf.int32), most).indices  # positions, then some others
        targets = {"words": tf.gather(words, selected, batch_dims=1), "follows": follows}
        return {"tokens": tokens, "segments": inputs["segments"], "selected": selected}, targets

    def examples(split: str) -> tf.data.Dataset:
        limit = config.train_size if split == "train" else config.train_size and 100
        reviews, movies = (load(name, split=split).features[:limit] for name in ("clothing_reviews", "movie_reviews"))
        pairs = next_sentence_pairs([re.split(r"(?<=[.!?])\s+", review) for review in reviews], config.seed)
        sentences = pairs.first + movies.tolist(), pairs.second + [""] * len(movies)
        follows = np.append(pairs.follows, np.full(len(movies), -1, "int32"))
        first, second = (tokenizer.encode(each)[:, : (config.context - 3) // 2] for each in sentences)
        start, end = (tf.fill([len(follows), 1], token) for token in (tokenizer.start, tokenizer.end))
        parts = tf.concat([start, first, end], axis=1), tf.concat([second, end], axis=1)
        segments = tf.concat([tf.zeros_like(parts[0]), tf.ones_like(parts[1])], axis=1)
        inputs = {"tokens": tf.concat(parts, axis=1), "segments": segments}
        # In a mapped function, rows of ragged tensors are dense.
        return tf.data.Dataset.from_tensor_slices((inputs, follows)).map(lambda *example: example)

    data = {split: examples(split).padded_batch(config.batch_size) for split in ("validation", "test")}
    train = examples("train")
    sizes = [size for size in (20, 28, 36, 48) if size < config.context]
    buckets = bucket_by_length(sizes, config.batch_size, length=lambda inputs, follows: tf.size(inputs["tokens"]))
    repeated = train.shuffle(len(train), seed=config.seed).repeat().apply(buckets)
    data["train"] = repeated.take(len(train) // config.batch_size)
    masks = map_with_seed(masked, seed=config.seed)
    return {split: dataset.apply(masks).prefetch(tf.data.AUTOTUNE) for split, dataset in data.items()}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a BERT with logits of the tokens at the selected positions, and of whether a sentence follows."""
    encoder = bert(
        "tiny",
        prepared["tokenizer"].size,
        config.context,
        blocks=config.blocks,
        dropout=config.dropout,
        normalize_first=True,
    )
    selected = keras.Input((None,), dtype="int32", name="selected")
    features = keras.ops.take_along_axis(encoder.output["sequence"], selected[..., None], axis=1)
    hidden = LayerNormalization()(Dense(features.shape[-1], "gelu")(features))
    words = encoder.get_layer("embedding")(hidden, reverse=True)
    follows = keras.layers.Dense(2, dtype="float32", name="follows")(encoder.output["pooled"])
    return keras.Model({**encoder.input, "selected": selected}, {"words": words, "follows": follows})


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy losses, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "90%"), "10%"), weight_decay=0.01, global_clipnorm=1.0)
    losses = {
        name: keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        for name in ("words", "follows")
    }
    return Trainer(build_model(config, prepared), optimizer, losses, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of masked tokens and of pairs that are predicted correctly."""
    scores, predict = {}, tf.function(trainer.model, reduce_retracing=True)
    for split in ("validation", "test"):
        right = {"words": [], "follows": []}
        for inputs, targets in data[split]:
            outputs = predict(inputs)
            for name, found in right.items():
                known = targets[name].numpy() >= 0
                found.append((outputs[name].numpy().argmax(-1) == targets[name].numpy())[known])
        masked, following = (float(np.concatenate(right[name]).mean()) for name in ("words", "follows"))
        scores[split] = {"masked_accuracy": masked, "next_sentence_accuracy": following}
    return scores


if __name__ == "__main__":
    run_script(__file__)
