"""Migration table: the replacements of all public names of TensorFlow Addons 0.23.

Names are relative to `tensorflow_addons`. A component imported from its own module, as in
`tensorflow_addons.layers.crf.CRF`, is listed as `layers.CRF`.
"""

from tensorsmith.migrate import keras2_rules, rules
from tensorsmith.migrate.entry import UNMOVED, Missing, Successor

PACKAGE = "tensorflow_addons"


def _same(package: str, names: str, successors: str) -> dict[str, Successor | Missing]:
    """Return the migration entries of components that move to another package without other changes."""
    return {f"{package}.{name}": Successor(f"{successors}.{name}") for name in names.split()}


OPTIMIZER = {"decay": "give a schedule as learning_rate instead"}


def _optimizer(name: str, arguments: str, successor: str = "") -> dict[str, Successor]:
    """Return the migration entry of an optimizer with the same arguments as in TensorFlow Addons."""
    names = tuple(arguments.split())
    renamed = {"lr": "learning_rate"}
    return {
        f"optimizers.{name}": Successor(
            f"tensorsmith.optimizers.{successor or name}",
            names,
            in_place=len(names),
            renamed=renamed,
            refused=OPTIMIZER,
            check=keras2_rules.no_functions,
        )
    }


INNER = "give it to the optimizer inside"


def _wrapper(name: str, arguments: str) -> dict[str, Successor]:
    """Return the migration entry of an optimizer wrapper. Arguments of the inner optimizer are rejected."""
    names = tuple(arguments.split())
    refused = {**OPTIMIZER, **dict.fromkeys(("lr", "learning_rate", "clipnorm", "clipvalue"), INNER)}
    return {
        f"optimizers.{name}": Successor(
            f"tensorsmith.optimizers.{name}",
            names,
            in_place=len(names),
            refused=refused,
            check=keras2_rules.no_functions,
        )
    }


ACTIVATIONS: dict[str, Successor | Missing] = {
    **_same("activations", "gelu lisht rrelu snake sparsemax", "tensorsmith.layers.activations"),
    "activations.hardshrink": Successor(
        "keras.activations.hard_shrink", arguments=("x", "lower", "upper"), in_place=1, rule=rules.one_threshold
    ),
    "activations.mish": Successor("keras.activations.mish"),
    "activations.softshrink": Successor(
        "keras.activations.soft_shrink", arguments=("x", "lower", "upper"), in_place=1, rule=rules.one_threshold
    ),
    "activations.tanhshrink": Successor("keras.activations.tanh_shrink"),
}

CALLBACKS: dict[str, Successor | Missing] = {
    **_same("callbacks", "TQDMProgressBar TimeStopping", "tensorsmith.training"),
    "callbacks.AverageModelCheckpoint": Successor(
        "tensorsmith.training.AverageModelCheckpoint",
        arguments=("update_weights", "filepath", "monitor", "verbose", "save_best_only", "save_weights_only"),
        in_place=UNMOVED,
        check=keras2_rules.checkpoint_file,
    ),
}

IMAGE: dict[str, Successor | Missing] = {
    **_same(
        "image",
        "adjust_hsv_in_yiq angles_to_projective_transforms blend compose_transforms connected_components cutout "
        "dense_image_warp equalize euclidean_dist_transform flat_transforms_to_matrices gaussian_filter2d "
        "interpolate_bilinear interpolate_spline matrices_to_flat_transforms mean_filter2d median_filter2d "
        "random_cutout random_hsv_in_yiq resampler rotate sharpness shear_x shear_y sparse_image_warp transform "
        "translate translate_xy translations_to_projective_transforms",
        "tensorsmith.image",
    ),
    **_same("image", "from_4D_image get_ndims to_4D_image unwrap wrap", "tensorsmith.image.utils"),
}

LAYERS: dict[str, Successor | Missing] = {
    **_same(
        "layers",
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D GroupNormalization SpectralNormalization",
        "keras.layers",
    ),
    **_same(
        "layers",
        "CRF CorrelationCost ESN EmbeddingBag FilterResponseNormalization GELU MaxUnpooling2D MaxUnpooling2DV2 Maxout "
        "NetVLAD NoisyDense PoincareNormalize PolynomialCrossing Snake Sparsemax SpatialPyramidPooling2D "
        "StochasticDepth TLU WeightNormalization",
        "tensorsmith.layers",
    ),
    "layers.InstanceNormalization": Successor("keras.layers.GroupNormalization", added={"groups": "-1"}),
    "layers.MultiHeadAttention": Successor("tensorsmith.layers.AddonsMultiHeadAttention"),
}

LOSSES: dict[str, Successor | Missing] = {
    **_same(
        "losses",
        "ContrastiveLoss GIoULoss LiftedStructLoss NpairsLoss NpairsMultilabelLoss PinballLoss "
        "SigmoidFocalCrossEntropy SparsemaxLoss TripletHardLoss TripletSemiHardLoss WeightedKappaLoss "
        "angular_distance contrastive_loss giou_loss lifted_struct_loss npairs_loss npairs_multilabel_loss "
        "pairwise_distance pinball_loss sigmoid_focal_crossentropy sparsemax_loss triplet_hard_loss "
        "triplet_semihard_loss",
        "tensorsmith.losses",
    ),
}

METRICS: dict[str, Successor | Missing] = {
    **_same(
        "metrics",
        "CohenKappa F1Score FBetaScore GeometricMean HammingLoss HarmonicMean KendallsTauB KendallsTauC "
        "MatthewsCorrelationCoefficient MultiLabelConfusionMatrix PearsonsCorrelation SpearmansRank hamming_distance "
        "hamming_loss_fn",
        "tensorsmith.metrics",
    ),
    "metrics.MeanMetricWrapper": Successor("keras.metrics.MeanMetricWrapper"),
    "metrics.RSquare": Successor(
        "tensorsmith.metrics.RSquare",
        arguments=("name", "dtype", "multioutput", "num_regressors"),
        in_place=4,
        dropped=("y_shape",),
    ),
}

OPTIMIZERS: dict[str, Successor | Missing] = {
    **_same(
        "optimizers",
        "CyclicalLearningRate ExponentialCyclicalLearningRate Triangular2CyclicalLearningRate "
        "TriangularCyclicalLearningRate",
        "tensorsmith.schedules",
    ),
    **_optimizer("AdamW", "weight_decay learning_rate beta_1 beta_2 epsilon amsgrad name", "AddonsAdamW"),
    "optimizers.AveragedOptimizerWrapper": Missing(
        "tensorsmith has no base class for averaging optimizers: use MovingAverage or SWA of tensorsmith.optimizers"
    ),
    "optimizers.KerasLegacyOptimizer": Missing("Keras 3 has no legacy optimizers: subclass keras.optimizers.Optimizer"),
    "optimizers.LAMB": Successor(
        "tensorsmith.optimizers.AddonsLAMB",
        arguments=(
            "learning_rate",
            "beta_1",
            "beta_2",
            "epsilon",
            "weight_decay",
            "exclude_from_weight_decay",
            "exclude_from_layer_adaptation",
            "name",
        ),
        in_place=8,
        renamed={"lr": "learning_rate", "weight_decay_rate": "weight_decay"},
        refused=OPTIMIZER,
        check=keras2_rules.no_functions,
    ),
    **_wrapper("Lookahead", "optimizer sync_period slow_step_size name"),
    **_wrapper("MovingAverage", "optimizer average_decay num_updates start_step dynamic_decay name"),
    **_wrapper("SWA", "optimizer start_averaging average_period name"),
    "optimizers.MultiOptimizer": Successor(
        "tensorsmith.optimizers.MultiOptimizer",
        arguments=("optimizers_and_layers", "optimizer_specs", "name"),
        in_place=1,
        refused={"optimizer_specs": "give the pairs as optimizers_and_layers: a saved model holds them"},
        note="all trainable variables need an optimizer now; Addons did not update variables without one",
    ),
    **_same("optimizers", "DecoupledWeightDecayExtension extend_with_decoupled_weight_decay", "tensorsmith.optimizers"),
    **_optimizer(
        "AdaBelief",
        "learning_rate beta_1 beta_2 epsilon weight_decay amsgrad rectify sma_threshold total_steps warmup_proportion "
        "min_lr name",
    ),
    "optimizers.COCOB": Successor(
        "tensorsmith.optimizers.COCOB",
        arguments=("alpha", "use_locking", "name"),
        in_place=1,
        dropped=("use_locking",),
        refused=OPTIMIZER,
        check=keras2_rules.no_functions,
    ),
    **_optimizer("ConditionalGradient", "learning_rate lambda_ epsilon ord name"),
    **_optimizer("LazyAdam", "learning_rate beta_1 beta_2 epsilon amsgrad name"),
    **_optimizer("NovoGrad", "learning_rate beta_1 beta_2 epsilon weight_decay grad_averaging amsgrad name"),
    **_optimizer(
        "ProximalAdagrad",
        "learning_rate initial_accumulator_value l1_regularization_strength l2_regularization_strength name",
    ),
    **_optimizer(
        "RectifiedAdam",
        "learning_rate beta_1 beta_2 epsilon weight_decay amsgrad sma_threshold total_steps warmup_proportion min_lr "
        "name",
    ),
    **_optimizer("SGDW", "weight_decay learning_rate momentum nesterov name"),
    **_optimizer(
        "Yogi",
        "learning_rate beta1 beta2 epsilon l1_regularization_strength l2_regularization_strength "
        "initial_accumulator_value activation name",
    ),
}

RNN: dict[str, Successor | Missing] = {
    **_same("rnn", "ESNCell LayerNormLSTMCell LayerNormSimpleRNNCell NASCell PeepholeLSTMCell", "tensorsmith.layers"),
}

SEQ2SEQ: dict[str, Successor | Missing] = {
    **_same(
        "seq2seq",
        "AttentionMechanism AttentionWrapper AttentionWrapperState BahdanauAttention BahdanauMonotonicAttention "
        "BaseDecoder BasicDecoder BasicDecoderOutput BeamSearchDecoder BeamSearchDecoderOutput BeamSearchDecoderState "
        "CustomSampler Decoder FinalBeamSearchDecoderOutput GreedyEmbeddingSampler InferenceSampler LuongAttention "
        "LuongMonotonicAttention SampleEmbeddingSampler Sampler ScheduledEmbeddingTrainingSampler "
        "ScheduledOutputTrainingSampler TrainingSampler dynamic_decode gather_tree_from_array hardmax "
        "monotonic_attention safe_cumprod tile_batch",
        "tensorsmith.seq2seq",
    ),
    **_same("seq2seq", "SequenceLoss sequence_loss", "tensorsmith.losses"),
    "seq2seq.gather_tree": Successor("tensorsmith.ops.gather_tree"),
}

TEXT: dict[str, Successor | Missing] = {
    **_same(
        "text",
        "CRFModelWrapper crf_binary_score crf_constrained_decode crf_decode "
        "crf_decode_backward crf_decode_forward crf_filtered_inputs crf_forward crf_log_likelihood crf_log_norm "
        "crf_multitag_sequence_score crf_sequence_score crf_unary_score parse_time skip_gram_sample "
        "skip_gram_sample_with_text_vocab viterbi_decode",
        "tensorsmith.text",
    ),
    "text.CrfDecodeForwardRnnCell": Successor(
        "tensorsmith.text.CrfDecodeForwardRnnCell",
        note="keras.layers.RNN with this cell returns floats now: cast the backpointers to int32",
    ),
}

OTHERS: dict[str, Successor | Missing] = {
    "options": Missing("concerns Addons' compiled ops alone", bridge=True),
    "register_all": Successor(
        "tensorsmith.core.register",
        arguments=("keras_objects", "custom_kernels"),
        dropped=("keras_objects", "custom_kernels"),
        note="models that were saved with Addons need custom_objects= of keras.saving.load_model",
    ),
    "types": Missing("type aliases of Addons: write the types themselves"),
    "utils": Missing("private utilities of Addons: use public functions of Keras or TensorFlow"),
    "__version__": Missing("the version of Addons"),
}

MOVES = {
    **ACTIVATIONS,
    **CALLBACKS,
    **IMAGE,
    **LAYERS,
    **LOSSES,
    **METRICS,
    **OPTIMIZERS,
    **RNN,
    **SEQ2SEQ,
    **TEXT,
    **OTHERS,
}
