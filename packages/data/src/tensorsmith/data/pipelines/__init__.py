"""`tf.data` transformations for `dataset.apply`, `Pipeline`, and splits. TensorFlow is imported on first use."""

from tensorsmith.data.pipelines.balance import oversample, undersample
from tensorsmith.data.pipelines.buckets import bucket_by_length
from tensorsmith.data.pipelines.cache import cached
from tensorsmith.data.pipelines.draws import map_with_seed
from tensorsmith.data.pipelines.language import SentencePairs, mask_tokens, next_sentence_pairs
from tensorsmith.data.pipelines.mixing import cutmix, mixup
from tensorsmith.data.pipelines.packing import PackedSequences, pack_sequences
from tensorsmith.data.pipelines.pipeline import Pipeline
from tensorsmith.data.pipelines.split import hash_split
from tensorsmith.data.pipelines.split_sequence import split_sequence
from tensorsmith.data.pipelines.streams import parallel_streams
from tensorsmith.data.pipelines.targets import targets_ahead, targets_each_step
from tensorsmith.data.pipelines.weighted import interleave_weighted
from tensorsmith.data.pipelines.windows import windows

__all__ = [
    "PackedSequences",
    "Pipeline",
    "SentencePairs",
    "bucket_by_length",
    "cached",
    "cutmix",
    "hash_split",
    "interleave_weighted",
    "map_with_seed",
    "mask_tokens",
    "mixup",
    "next_sentence_pairs",
    "oversample",
    "pack_sequences",
    "parallel_streams",
    "split_sequence",
    "targets_ahead",
    "targets_each_step",
    "undersample",
    "windows",
]
