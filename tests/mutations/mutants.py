"""Deliberate defects, each of which must be detected by a given test file.

Files are identified by the end of their path, so that moving them does not invalidate a defect.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """Deliberate defect.

    Attributes:
        name: Description of the defect.
        file: End of the path of the file to edit.
        before: Code to replace, which occurs once in the file.
        after: Defective code.
        tests: Ends of the paths of the tests that are expected to detect the defect, run first.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


MUTANTS = [
    Mutant(
        "steps of an augmentation share a seed",
        "augment/augmentation.py",
        "stateless_fold_in(seed, index + i)",
        "stateless_fold_in(seed, index)",
        ("image/tests/test_augment.py",),
    ),
    Mutant(
        "keypoints move against the image",
        "augment/_support/warps.py",
        "forward = _inverse(geometry)",
        "forward = geometry",
        ("image/tests/test_augment.py",),
    ),
    Mutant(
        "non-maximum suppression ignores classes",
        "kernels/non_max_suppression.cc",
        "(common > threshold * whole) & (classes == own_class)",
        "(common > threshold * whole) & (classes == classes)",
        ("kernels/test_non_max_suppression.py",),
    ),
    Mutant(
        "augmentation clips after the normalization",
        "kernels/augment_images.cc",
        "put(clipped(value, colors.low, colors.high) * colors.scale[c] + colors.offset[c], to + i * channels + c);",
        "put(clipped(value * colors.scale[c] + colors.offset[c], colors.low, colors.high), to + i * channels + c);",
        ("kernels/test_augment_images.py",),
    ),
    Mutant(
        "layer norm gradient lacks its mean",
        "kernels/layer_norm.cc",
        "at<V>(scales + i) - along_mean - normal * along_x",
        "at<V>(scales + i) - normal * along_x",
        ("kernels/test_layer_norm.py",),
    ),
    Mutant(
        "LSTM gradient of the forget gate lacks a factor",
        "kernels/lstm.cc",
        "dzf = d * old * f * (1.0f - f);",
        "dzf = d * old * f;",
        ("kernels/test_recurrent.py",),
    ),
    Mutant(
        "attention gradient forgets the dropout of values",
        "kernels/attention.cc",
        "for (int64_t j = 0; j < count; ++j) probability[j] *= factors[j];",
        "for (int64_t j = 0; j < count; ++j) probability[j] *= 1.0f;",
        ("kernels/test_attention.py",),
    ),
    Mutant(
        "gradient clipping ignores the loss scale",
        "kernels/optimizer_updates.cc",
        "std::fabs(loss_scale);",
        "1.0;",
        ("kernels/test_optimizer_updates.py",),
    ),
    Mutant(
        "compiled embedding bag reads one index too few",
        "kernels/embedding_bag.cc",
        "for (int64_t i = bag * bags.size; i < (bag + 1) * bags.size; ++i) {",
        "for (int64_t i = bag * bags.size + (bags.size > 3); i < (bag + 1) * bags.size; ++i) {",
        ("kernels/test_embedding_bag.py",),
    ),
    Mutant(
        "projective transform rounds half toward zero",
        "kernels/projective_transform.cc",
        "std::fabs(value - whole) >= 0.5f",
        "std::fabs(value - whole) > 0.5f",
        ("kernels/test_projective_transform.py",),
    ),
    Mutant(
        "gradient of positions does not vanish beyond the border",
        "kernels/resample.cc",
        "slope = distance >= 0 && distance <= 1 ? 1 : 0;",
        "slope = 1;",
        ("kernels/test_resample.py",),
    ),
    Mutant(
        "connected components of adjacent strips stay separate",
        "kernels/connected_components.cc",
        "for (int64_t r = grain_; r < rows_; r += grain_) connect(",
        "for (int64_t r = grain_; r < rows_; r += 2 * grain_) connect(",
        ("kernels/test_connected_components.py",),
    ),
    Mutant(
        "distances ignore zeros below",
        "kernels/distance_transform.cc",
        "to[x] = to[x] < next ? to[x] : next;",
        "to[x] = to[x] < kFar ? to[x] : next;",
        ("kernels/test_distance_transform.py",),
    ),
    Mutant(
        "median of large windows forgets a column",
        "kernels/median_filter2d.cc",
        "add(x, -1);",
        "add(x + (x == 1), -1);",
        ("kernels/test_median_filter2d.py",),
    ),
    Mutant(
        "attention layer drops the mask of values",
        "attention/attention.py",
        "joined_masks([value_mask], None)",
        "None",
        ("layers/tests/test_attention.py", "layers/tests"),
    ),
    Mutant(
        "CRF layer passes no mask on",
        "output/crf.py",
        "return previous_mask, previous_mask, None, None",
        "return None, None, None, None",
        ("layers/tests/test_crf.py", "layers/tests"),
    ),
    Mutant(
        "layer config lacks an argument",
        "dense/noisy_dense.py",
        '"use_factorised": self.use_factorised,',
        "",
        ("layers/tests/dense/conformance.py",),
    ),
    Mutant(
        "layer output is in float32 under mixed precision",
        "regularization/stochastic_depth.py",
        "kept = keras.ops.cast(draw < self.survival_probability, self.compute_dtype)",
        'kept = keras.ops.cast(draw < self.survival_probability, "float32") * keras.ops.ones((), "float32")',
        ("layers/tests/vision/conformance.py", "layers/tests"),
    ),
    Mutant(
        "inference does not scale the residual branch",
        "regularization/stochastic_depth.py",
        "return shortcut + self.survival_probability * residual",
        "return shortcut + residual",
        ("layers/tests/test_vision_layers.py", "tests/parity/test_addons.py"),
    ),
    Mutant(
        "loss is not divided among replicas",
        "losses/sequence_loss.py",
        "return loss if len(loss.shape) else loss / tf.distribute.get_strategy().num_replicas_in_sync",
        "return loss",
        ("losses/tests/conformance.py",),
    ),
    Mutant(
        "loss ignores the mask of its predictions",
        "losses/sequence_loss.py",
        "for given in (sample_weight, mask):",
        "for given in (sample_weight,):",
        ("losses/tests/test_masked_sequences.py", "losses/tests"),
    ),
    Mutant(
        "metric ignores sample weights",
        "metrics/bleu.py",
        "ops.stack([ops.sum(weights * length), ops.sum(weights * reference_length)])",
        "ops.stack([ops.sum(length), ops.sum(reference_length)])",
        ("metrics/tests/test_text_metrics.py", "metrics/tests"),
    ),
    Mutant(
        "quadratic kappa is linear",
        "metrics/cohen_kappa.py",
        '"quadratic": ops.square(gap)}',
        '"quadratic": gap}',
        ("metrics/tests/test_confusion.py", "metrics/tests"),
    ),
    Mutant(
        "duplicate indices of a sparse gradient are averaged",
        "_support/rows.py",
        "tf.math.unsorted_segment_sum(values",
        "tf.math.unsorted_segment_mean(values",
        ("optimizers/tests/test_duplicate_indices.py", "optimizers/tests"),
    ),
    Mutant(
        "slow weights synchronize one step late",
        "wrappers/lookahead.py",
        "% self.sync_period == 0",
        "% self.sync_period == 1",
        ("optimizers/tests/test_wrappers.py", "optimizers/tests"),
    ),
    Mutant(
        "schedule is one step late",
        "schedules/warmup.py",
        "ops.maximum(step - steps, 0.0)",
        "ops.maximum(step - steps - 1, 0.0)",
        ("schedules/tests/test_combinators.py", "schedules/tests"),
    ),
    Mutant(
        "training resumes one step late",
        "fit/run.py",
        "start=at.step,",
        "start=at.step + 1 if at.step else 0,",
        ("training/tests/test_checkpoints.py", "training/tests"),
    ),
    Mutant(
        "accumulated gradients are summed, not averaged",
        "gradients/accumulate.py",
        "total.read_value() / tf.cast(self._steps, total.dtype)",
        "total.read_value()",
        ("training/tests/test_strategies.py", "training/tests"),
    ),
    Mutant(
        "class weights of a dataset are ignored",
        "inputs/data.py",
        "StreamSource(weigh_classes(x, class_weight) if class_weight is not None else x, first",
        "StreamSource(x, first",
        ("training/tests/test_inputs.py", "training/tests"),
    ),
    Mutant(
        "callback takes the smallest score for the best in mode max",
        "callbacks/at_best.py",
        "else -logs[self._monitor]",
        "else logs[self._monitor]",
        ("training/tests/test_callbacks.py",),
    ),
    Mutant(
        "corrupted record is not noticed",
        "records/frames.cc",
        "if (check_data && load<uint32_t>(record + length) != masked_crc32c(record, length)) {",
        "if (check_data && load<uint32_t>(record + length) == ~masked_crc32c(record, length)) {",
        ("records/tests",),
    ),
    Mutant(
        "rejected rows are counted as written",
        "convert.py",
        "Converted(rows, rows - rejected, rejected",
        "Converted(rows, rows, rejected",
        ("tfrecord/tests/test_convert.py", "tfrecord/tests"),
    ),
    Mutant(
        "large integers of a column are rounded",
        "sources/numbers.py",
        "(np.abs(exact) > 2**53)",
        "(np.abs(exact) > 2**63)",
        ("tfrecord/tests/test_sources_numbers.py", "tfrecord/tests"),
    ),
    Mutant(
        "rejected rows of a CSV file are numbered without the rows before them",
        "sources/csv_files.py",
        "+ np.searchsorted(lines, rejected)",
        "",
        ("tfrecord/tests/test_sources_csv.py",),
    ),
    Mutant(
        "missing values with a default are zeros",
        "pipeline/decode.py",
        "return tf.where(missing, default, values)",
        "return values",
        ("tfrecord/tests/test_decode.py",),
    ),
    Mutant(
        "statistics do not include imputed values",
        "preprocessing/impute.py",
        "in _pieces(self.missing):",
        "in _pieces(0):",
        ("data/tests/test_preprocessing_impute.py",),
    ),
    Mutant(
        "split by hash ignores its salt",
        "pipelines/split.py",
        "to_hash_bucket_fast(salt + text, BUCKETS)",
        "to_hash_bucket_fast(text, BUCKETS)",
        ("data/tests/test_pipelines_split.py",),
    ),
    Mutant(
        "window overlaps the end of the data",
        "pipelines/windows.py",
        "span = (length - 1) * stride + 1",
        "span = (length - 1) * stride",
        ("data/tests/test_pipelines_windows.py",),
    ),
    Mutant(
        "archive member may leave its folder",
        "unpack.py",
        'if path.is_absolute() or ".." in path.parts or',
        "if path.is_absolute() or",
        ("data/tests/test_unpack.py",),
    ),
    Mutant(
        "cross-validation trains on the part held out",
        "tuning/folds.py",
        "yield _rows(data, others), _rows(data, part)",
        "yield _rows(data, part), _rows(data, others)",
        ("tuning/tests/test_tuner.py", "tuning/tests"),
    ),
    Mutant(
        "usage errors exit with 1",
        "tools/main.py",
        "    if isinstance(error, ArgumentError):\n        return 2",
        "    if isinstance(error, ArgumentError):\n        return 1",
        ("tools/tests/test_commands.py", "tools/tests"),
    ),
    Mutant(
        "migration loses a renamed argument",
        "addons.py",
        'renamed = {"lr": "learning_rate"}',
        "renamed = {}",
        ("migrate/tests/test_migrate.py",),
    ),
]
