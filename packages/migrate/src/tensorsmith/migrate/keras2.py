"""Migration table of Keras 2: names and arguments that Keras 3 rejects, in scripts that use TensorFlow Addons.

Keys of the table:

- `layers.DenseFeatures`: name relative to Keras, as `tf.keras` and as `import keras`;
- `tf.keras.saving.load_model`, `keras.backend.sum`: name that only one of the two lacks;
- `<model>.save`: member of any object of this kind, which is recognized by the last name of the expression.

The names of replacements are relative to Keras. Replacements of members start with a dot, and those of constants are
Python literals. `tools/keras2_names.py` derives names and arguments from the public interfaces of tf_keras and Keras 3,
and a test compares them with this table. The rest was found by running scripts.
"""

from typing import Any

from tensorsmith.migrate import keras2_rules as rules
from tensorsmith.migrate.entry import UNMOVED, Missing, Successor

Rows = dict[str, Successor | Missing]

# Kinds of objects and regular expressions for the last name of the expression, in lowercase.
KINDS = {
    "self": "^self$",  # in the class of a layer or model
    "any": "",
    "layer": r"^(l|lyr|layer|layers\[\]|get_layer\(\))$|_layer$",
    "metric": r"^(?!.*(model|layer|net|lstm|gru|rnn))",
    "model": r"model|^(net|network|gan|vae|unet|bert|critic|self)$|_net$|generator|discriminator|encoder|decoder",
    "network": r"model|^(net|network|gan|vae)$|autoencoder",
    "optimizer": r"optimizer|(^|_)opt$|^optim$",
    "shape": r"^input_shape$",
    "weight": r"(^|_)(kernel|bias|gamma|beta|weight)$|weights\[\]$",
}
# Lists of variables, and a regular expression for names of weights, which are the last part of the names of variables.
VARIABLES = tuple(f"{kind}{name}" for kind in ("", "trainable_", "non_trainable_") for name in ("variables", "weights"))
WEIGHTS = r"(depthwise|pointwise|recurrent)(_kernel)?|_?kernel|_?bias|gamma|beta|moving(_mean|_variance)?|embeddings"
VARIABLE_NAME = (
    'variables are named "kernel" in Keras 3 and "dense/kernel:0" in Keras 2: read path, such as "dense/kernel", or '
    '"model/dense/kernel" if the model creates its layers'
)
NONE = "Keras 3 does not have it"


def _gone(package: str, names: str, instead: str = "") -> Rows:
    reason = f"{NONE}: {instead}" if instead else NONE
    return {f"{package}.{name}": Missing(reason) for name in names.split()}


def _moved(package: str, names: str, successors: str) -> Rows:
    """Return the entries of names that another package of Keras has, with the arguments given there."""
    return {f"{package}.{name}": Successor(f"{successors}.{name}", in_place=UNMOVED) for name in names.split()}


def _changed(package: str, names: str, **changes: Any) -> Rows:
    """Return the entries of names that remain, with changes of arguments."""
    return {
        f"{package}.{name}": Successor(f"{package}.{name}", **{"in_place": UNMOVED, **changes})
        for name in names.split()
    }


TF_KERAS = "only tf.keras has it"
TF_ONLY = Missing(f"{TF_KERAS}, and `import keras` does not")
LAYER = {
    "weights": "call set_weights of the layer after it is built",
    "dynamic": "wrap Python code in tf.py_function, or compile with run_eagerly=True",
    "batch_input_shape": "begin the model with keras.Input(batch_shape=...)",
}
EMBEDDING = {name: advice for name, advice in LAYER.items() if name != "weights"}
OPTIMIZERS = "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lion Nadam RMSprop SGD"
PREPROCESSING = (
    "CategoryEncoding CenterCrop Discretization HashedCrossing Hashing IntegerLookup Normalization RandomContrast "
    "RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom Rescaling Resizing "
    "StringLookup TextVectorization"
)
LOSSES = (
    "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge "
    "CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
    "MeanSquaredLogarithmicError Poisson SquaredHinge"
)
ABBREVIATIONS = {
    "kl_divergence": "KLD",
    "mean_absolute_error": "MAE",
    "mean_absolute_percentage_error": "MAPE",
    "mean_squared_error": "MSE",
    "mean_squared_logarithmic_error": "MSLE",
}
SYNONYMS = {
    **{short: long for long, short in ABBREVIATIONS.items()},
    **{short.lower(): long for long, short in ABBREVIATIONS.items()},
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
SEQUENCES = ("TimeseriesGenerator", "make_sampling_table", "skipgrams")
PY_DATASET = "pass a keras.utils.PyDataset to fit"
REGNETS = (2, 4, 6, 8, 16, 32, 40, 64, 80, 120, 160, 320)
BACKEND_FUNCTIONS = (
    "abs all any arange argmax argmin batch_dot batch_flatten batch_get_value batch_normalization batch_set_value "
    "bias_add binary_crossentropy binary_focal_crossentropy cast cast_to_floatx categorical_crossentropy "
    "categorical_focal_crossentropy clip concatenate constant conv1d conv2d conv2d_transpose conv3d cos count_params "
    "ctc_batch_cost ctc_decode ctc_label_dense_to_sparse cumprod cumsum depthwise_conv2d dot dropout dtype elu equal "
    "eval exp expand_dims eye flatten foldl foldr gather get_value gradients greater greater_equal hard_sigmoid "
    "in_top_k int_shape is_sparse l2_normalize less less_equal log map_fn max maximum mean min minimum "
    "moving_average_update name_scope ndim not_equal one_hot ones ones_like permute_dimensions pool2d pool3d pow prod "
    "random_bernoulli random_normal random_normal_variable random_uniform random_uniform_variable relu repeat "
    "repeat_elements reshape resize_images resize_volumes reverse rnn round separable_conv2d shape sigmoid "
    "sign sin softmax softplus softsign sparse_categorical_crossentropy spatial_2d_padding spatial_3d_padding sqrt "
    "square squeeze stack std stop_gradient sum switch tanh temporal_padding tile to_dense transpose truncated_normal "
    "update update_add update_sub var variable zeros zeros_like"
)

NAMES: Rows = {
    "applications.regnet": Missing(NONE),
    "applications.resnet_rs": Missing(NONE),
    **_gone("applications", " ".join(f"RegNet{kind}{size:03}" for kind in "XY" for size in REGNETS)),
    **_gone("applications", " ".join(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420))),
    **_gone("backend", "experimental placeholder manual_variable_initialization", "it belongs to graphs"),
    "backend.function": Missing(f"{NONE}: call a keras.Model of the same inputs and outputs"),
    **_gone(
        "backend",
        "in_test_phase in_train_phase learning_phase learning_phase_scope set_learning_phase",
        "pass training= to the layers",
    ),
    **_gone("backend", "get_session set_session", "it belongs to TensorFlow 1"),
    **_gone("backend", "local_conv1d local_conv2d normalize_batch_in_training random_binomial"),
    "backend.print_tensor": Missing(f"{NONE}: call tf.print"),
    "backend.reset_uids": Missing(f"{NONE}: call backend.clear_session()"),
    "backend.set_value": Successor("", arguments=("x", "value"), in_place=UNMOVED, result="{x}.assign({value})"),
    "callbacks.BaseLogger": Missing(NONE),
    "callbacks.SidecarEvaluatorModelExport": Missing(NONE),
    **_moved("callbacks.experimental", "BackupAndRestore", "callbacks"),
    "callbacks.experimental.UpdateEmbeddingCallback": Missing(NONE),
    **_gone("constraints", "RadialConstraint radial_constraint"),
    "dtensor": Missing(f"{NONE}: see keras.distribution"),
    "estimator": Missing(f"{NONE}: TensorFlow removed estimators"),
    **_moved("experimental", "CosineDecay CosineDecayRestarts", "optimizers.schedules"),
    **_gone("experimental", "LinearModel SequenceFeatures SidecarEvaluator WideDeepModel"),
    "layers.AbstractRNNCell": Missing(f"{NONE}: derive cells from keras.layers.Layer"),
    **_gone("layers", "CuDNNGRU CuDNNLSTM", "call LSTM or GRU"),
    "layers.DenseFeatures": Missing(f"{NONE}: use keras.utils.FeatureSpace or preprocessing layers"),
    **_gone("layers", "LocallyConnected1D LocallyConnected2D"),
    **_moved("layers.experimental", "EinsumDense", "layers"),
    **_gone("layers.experimental", "DynamicEmbedding DynamicLookup RandomFourierFeatures"),
    "layers.experimental.SyncBatchNormalization": Successor(
        "layers.BatchNormalization", in_place=UNMOVED, added={"synchronized": "True"}
    ),
    **_moved("layers.experimental.preprocessing", PREPROCESSING, "layers"),
    "layers.experimental.preprocessing.PreprocessingLayer": Missing(f"{NONE}: derive from keras.layers.Layer"),
    **{f"losses.Reduction.{name}": Successor(f'"{value}"') for name, value in rules.REDUCTIONS.items()},
    "metrics.MeanRelativeError": Missing(NONE),
    "metrics.MeanTensor": Missing(NONE),
    "metrics.experimental": Missing(NONE),
    "mixed_precision.experimental.Policy": Successor("mixed_precision.Policy", in_place=UNMOVED),
    "mixed_precision.experimental.set_policy": Successor("mixed_precision.set_global_policy", in_place=UNMOVED),
    "mixed_precision.experimental.LossScaleOptimizer": Successor(
        "mixed_precision.LossScaleOptimizer", in_place=UNMOVED, refused={"loss_scale": "the scale is dynamic"}
    ),
    "models.experimental": Missing(f"{NONE}: tensorsmith.training.SharpnessAware is a model with this step"),
    **_gone("models", "model_from_config model_from_yaml", "call keras.models.model_from_json"),
    **_moved("optimizers.experimental", f"{OPTIMIZERS} Optimizer", "optimizers"),
    **_moved("optimizers.legacy", f"{OPTIMIZERS} Optimizer", "optimizers"),
    **_gone("utils", "GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer TimedThread", PY_DATASET),
    **_gone("utils", "SidecarEvaluator StepsPerExecutionTuner experimental to_ordinal warmstart_embedding_matrix"),
    "utils.multi_gpu_model": Missing(f"{NONE}: build the model under tf.distribute.MirroredStrategy().scope()"),
    "wrappers.scikit_learn": Missing(
        f"{NONE}: use the package scikeras, or SKLearnClassifier and SKLearnRegressor of keras.wrappers"
    ),
    # `tf.keras` lacks the package saving, and the long names of some functions.
    **_moved(
        "tf.keras.saving",
        "custom_object_scope deserialize_keras_object get_custom_objects get_registered_name get_registered_object "
        "register_keras_serializable serialize_keras_object",
        "utils",
    ),
    **_moved("tf.keras.saving", "load_model save_model", "models"),
    **{
        f"tf.keras.{package}.{long}": Successor(f"{package}.{short}")
        for package in ("losses", "metrics")
        for long, short in (*ABBREVIATIONS.items(), ("log_cosh", "logcosh"))
    },
    # `import keras` lacks short names, and functions and classes for compatibility.
    **{
        f"keras.{package}.{short}": Successor(f"{package}.{long}")
        for package in ("losses", "metrics")
        for short, long in SYNONYMS.items()
    },
    **{f"keras.backend.{name}": TF_ONLY for name in BACKEND_FUNCTIONS.split()},
    **{f"keras.layers.{name}": TF_ONLY for name in ("RandomHeight", "RandomWidth", "ThresholdedReLU")},
    **{
        f"keras.preprocessing.image.{name}": TF_ONLY
        for name in (
            "DirectoryIterator",
            "ImageDataGenerator",
            "Iterator",
            "NumpyArrayIterator",
            "apply_affine_transform",
            "apply_brightness_shift",
            "apply_channel_shift",
            "random_brightness",
            "random_channel_shift",
            "random_rotation",
            "random_shear",
            "random_shift",
            "random_zoom",
        )
    },
    **{f"keras.preprocessing.sequence.{name}": TF_ONLY for name in SEQUENCES},
    "keras.preprocessing.text": TF_ONLY,
}

RECURRENT: dict[str, Any] = {"refused": LAYER, "rule": rules.batch_major}
DATA_FOLDER = {"cache_dir": "set the environment variable KERAS_HOME"}
SERIALIZABLE = (
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "regularizers",
)
INPUT_SHAPE = {"input_shape": "shape", "batch_input_shape": "batch_shape"}
INPUT_TYPE = {"type_spec": "pass shape and dtype"}
EXPORT = dict.fromkeys(("signatures", "options"), "call model.export")
FILE: dict[str, Any] = {"check": rules.model_file, "rule": rules.file_format, "refused": EXPORT}
OPTIMIZER: dict[str, Any] = {
    "renamed": {"lr": "learning_rate"},
    "dropped": ("jit_compile",),
    "rule": rules.no_decay,
    "check": rules.no_functions,
}
OMIT = "leave it out"
SERIALIZED = {"use_legacy_format": "Keras 3 has one format"}

ARGUMENTS: Rows = {
    **_changed("activations", "relu", renamed={"alpha": "negative_slope"}),
    **_changed("activations", "deserialize", renamed={"name": "config"}, refused=SERIALIZED),
    **_changed("activations", "serialize", refused=SERIALIZED),
    **{
        f"{package}.{name}": Successor(f"{package}.{name}", in_place=UNMOVED, refused=SERIALIZED)
        for package in SERIALIZABLE
        for name in ("deserialize", "serialize")
    },
    **_changed(
        "applications",
        "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge convnext.ConvNeXtBase "
        "convnext.ConvNeXtLarge convnext.ConvNeXtSmall convnext.ConvNeXtTiny convnext.ConvNeXtXLarge",
        arguments=("model_name", "include_top", "include_preprocessing", "weights"),
        in_place=0,
        renamed={"model_name": "name"},
    ),
    **_changed("callbacks", "BackupAndRestore", refused={"save_before_preemption": "pass save_freq"}),
    **_changed(
        "callbacks",
        "LambdaCallback",
        renamed={"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"},
    ),
    **_changed(
        "callbacks",
        "ModelCheckpoint",
        refused={"options": OMIT, "period": "pass save_freq"},
        arguments=("filepath", "monitor", "verbose", "save_best_only", "save_weights_only"),
        check=rules.checkpoint_file,
    ),
    **_changed("callbacks", "ReduceLROnPlateau", renamed={"epsilon": "min_delta"}),
    **_changed("callbacks", "ProgbarLogger", dropped=("count_mode", "stateful_metrics")),
    **_changed("callbacks", "TensorBoard", refused={"write_grads": OMIT, "batch_size": OMIT}),
    **_changed(
        "datasets",
        "boston_housing.load_data cifar10.load_data cifar100.load_data fashion_mnist.load_data imdb.load_data "
        "mnist.load_data reuters.load_data",
        refused=DATA_FOLDER,
    ),
    **{
        name: Successor(name, in_place=UNMOVED, renamed={"input": "inputs", "output": "outputs"})
        for name in ("Model", "models.Model")
    },
    "Input": Successor("Input", in_place=UNMOVED, renamed=INPUT_SHAPE, refused=INPUT_TYPE),
    **_changed("layers", "Input InputLayer", renamed=INPUT_SHAPE, refused=INPUT_TYPE),
    **_changed(
        "layers",
        "BatchNormalization",
        dropped=("fused",),
        refused={**LAYER, "virtual_batch_size": OMIT, "adjustment": OMIT},
    ),
    **_changed("layers", "ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN", **RECURRENT),
    **_changed("layers", "Embedding", refused={**EMBEDDING, "sparse": OMIT}),
    **_changed("layers", "MultiHeadAttention", dropped=("softmax_robust_masking",), refused=LAYER),
    **_changed("layers", "RandomContrast", arguments=("factor", "seed"), in_place=1, refused=LAYER),
    **_changed("layers", "Softmax", dropped=("robust_masking",), refused=LAYER),
    **_changed("layers", "dot", refused={"normalize": "call layers.Dot(axes, normalize=True)"}),
    **_changed("losses", LOSSES, rule=rules.reduction),
    **_changed(
        "losses",
        "SparseCategoricalCrossentropy",
        arguments=("from_logits", "ignore_class", "reduction", "name"),
        in_place=3,
        rule=rules.reduction,
    ),
    **_changed("models", "load_model", arguments=("filepath",), check=rules.model_file_to_load),
    **_changed("models", "save_model", arguments=("model", "filepath", "overwrite"), **FILE),
    **_changed("optimizers", OPTIMIZERS, **OPTIMIZER),
    **_changed("optimizers", "Adam", **OPTIMIZER, refused={"adaptive_epsilon": OMIT}),
    **_changed("preprocessing.image", "load_img", refused={"grayscale": 'pass color_mode="grayscale"'}),
    **_changed("regularizers", "l1 L1", renamed={"l": "l1"}),
    **_changed("regularizers", "l2 L2", renamed={"l": "l2"}),
    **_changed("utils", "get_source_inputs", refused=dict.fromkeys(("layer", "node_index"), "pass the tensor alone")),
    **_changed("utils", "load_img", refused={"grayscale": 'pass color_mode="grayscale"'}),
    **_changed("utils", "model_to_dot plot_model", refused={"layer_range": OMIT}),
    **_changed("utils", "to_categorical", renamed={"y": "x"}, refused={"dtype": "cast the result"}),
}

QUEUE = ("max_queue_size", "workers", "use_multiprocessing")  # in Keras 3, arguments of keras.utils.PyDataset
FIT = (
    "generator",
    "steps_per_epoch",
    "epochs",
    "verbose",
    "callbacks",
    "validation_data",
    "validation_steps",
    "validation_freq",
    "class_weight",
    *QUEUE,
    "shuffle",
    "initial_epoch",
)
EVALUATE = ("generator", "steps", "callbacks", *QUEUE, "verbose")
WEIGHT: dict[str, Any] = {
    "arguments": ("name", "shape"),
    "dropped": ("use_resource", "synchronization", "partitioner"),
    "renamed": {"experimental_autocast": "autocast"},
}
AGGREGATION = ("experimental_aggregate_gradients", "skip_gradients_aggregation")
ONE_TENSOR = "use layer.input and layer.output"

MEMBERS: Rows = {
    "<any>.fit_generator": Successor(".fit", arguments=FIT, in_place=1, renamed={"generator": "x"}, dropped=QUEUE),
    **{
        f"<any>.{name}_generator": Successor(
            f".{name}", arguments=EVALUATE, in_place=1, renamed={"generator": "x"}, dropped=QUEUE
        )
        for name in ("evaluate", "predict")
    },
    **{
        f"<model>.{name}": Successor(f".{name}", in_place=UNMOVED, dropped=QUEUE)
        for name in ("evaluate", "fit", "predict")
    },
    **{
        f"<any>.{name}": Successor(f".{name}", in_place=UNMOVED, rule=rules.reset_metrics)
        for name in ("test_on_batch", "train_on_batch")
    },
    "<model>.compile": Successor(
        ".compile",
        arguments=("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics"),
        in_place=2,
        dropped=("experimental_run_tf_function", "pss_evaluation_shards"),
        refused={"sample_weight_mode": OMIT, "target_tensors": OMIT},
    ),
    "<network>.add_loss": Missing(
        "Keras 3 accepts it only in the method call of a layer or model, as self.add_loss(...)"
    ),
    "<weight>.get_shape": Missing("variables of Keras 3 do not have it: read shape"),
    "<shape>.as_list": Missing("shapes are tuples in Keras 3: call list(input_shape)"),
    "<any>.add_metric": Missing(f"{NONE}: update a metric of the layer in call, or pass it to compile"),
    "<any>.add_update": Missing(f"{NONE}: assign the variable in call"),
    **{
        f"<any>.{name}": Missing(f"{NONE}: {ONE_TENSOR}")
        for name in (
            "get_input_at",
            "get_input_mask_at",
            "get_input_shape_at",
            "get_output_at",
            "get_output_mask_at",
            "get_output_shape_at",
            "inbound_nodes",
            "input_mask",
            "outbound_nodes",
            "output_mask",
        )
    },
    **{
        f"<any>.{name}": Missing(NONE)
        for name in (
            "autotune_steps_per_execution",
            "compute_output_signature",
            "finalize_state",
            "get_weight_paths",
            "save_spec",
            "state_updates",
            "to_yaml",
            "with_name_scope",
            "predict_classes",
            "predict_proba",
        )
    },
    **{
        f"<self>.{name}": Successor(".add_weight", **WEIGHT, rule=rules.weight_of_layer)
        for name in ("add_weight", "add_variable")
    },
    "<any>.add_weight": Successor(".add_weight", **WEIGHT, rule=rules.weight_of_metric),
    "<any>.load_weights": Successor(
        ".load_weights",
        in_place=UNMOVED,
        arguments=("filepath",),
        check=rules.weights_file_to_load,
        refused={"options": OMIT},
    ),
    "<any>.save_weights": Successor(
        ".save_weights",
        in_place=UNMOVED,
        arguments=("filepath", "overwrite"),
        check=rules.weights_file,
        rule=rules.file_format,
        refused={"options": OMIT},
    ),
    **_gone("<any>", "_get_hyper _set_hyper", "assign the value to an attribute, and override update_step"),
    "<any>._decayed_lr": Missing(f"{NONE}: read optimizer.learning_rate"),
    "<model>.save": Successor(".save", in_place=UNMOVED, arguments=("filepath", "overwrite"), **FILE),
    "<model>.metrics_names": Missing(
        "Keras 3 does not name the metrics of compile in it: call evaluate(return_dict=True)"
    ),
    "<model>.reset_states": Missing(f"{NONE}: call reset_state() of its recurrent layers"),
    "<metric>.reset_states": Successor(".reset_state", in_place=UNMOVED),
    "<layer>.output_shape": Successor(".output.shape"),
    "<layer>.input_shape": Successor(".input.shape"),
    "<optimizer>.lr": Successor(".learning_rate"),
    "<optimizer>.get_scaled_loss": Successor(".scale_loss"),
    "<optimizer>.get_unscaled_gradients": Missing(
        f"{NONE}: apply_gradients divides the gradients by the scale of the loss, and clips them if the optimizer was "
        "created with clipnorm, clipvalue or global_clipnorm"
    ),
    "<optimizer>.minimize": Missing(f"{NONE}: compute the gradients with tf.GradientTape, and call apply_gradients"),
    **{
        f"<optimizer>.{name}": Missing(f"{NONE}: compute the gradients with tf.GradientTape")
        for name in (
            "aggregate_gradients",
            "compute_gradients",
            "get_gradients",
            "get_updates",
        )
    },
    **{
        f"<optimizer>.{name}": Missing(f"{NONE}: see optimizer.variables")
        for name in ("get_weights", "set_weights", "weights")
    },
    "<optimizer>.apply_gradients": Successor(
        ".apply_gradients",
        in_place=UNMOVED,
        dropped=("name",),
        refused=dict.fromkeys(AGGREGATION, "Keras 3 sums the gradients of replicas"),
    ),
}

ANY_LAYER = Successor("layers", in_place=UNMOVED, refused=LAYER)  # layers without an entry of their own
KERAS2 = {**NAMES, **ARGUMENTS, **MEMBERS}
