import keras
import numpy as np

from tensorsmith.optimizers import (
    COCOB,
    SGD,
    SGDW,
    SWA,
    AdaBelief,
    AdamW,
    AddonsAdamW,
    AddonsLAMB,
    ConditionalGradient,
    GradientCentralization,
    GradientNoise,
    Lamb,
    LazyAdam,
    Lookahead,
    MovingAverage,
    MultiOptimizer,
    NovoGrad,
    ProximalAdagrad,
    RectifiedAdam,
    ScaledUpdates,
    Yogi,
    extend_with_decoupled_weight_decay,
)
from tensorsmith.testing import OptimizerRow

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
BETAS = {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5}
MOMENTS = {**BETAS, "weight_decay": 0.1}
BAD_MOMENTS = [
    ({name: value}, "in [0, 1)") for name in ("beta_1", "beta_2") for value in (1.0, -0.1, np.float32(-0.1), "0.1")
]
BAD_DECAY = [({"weight_decay": value}, "a non-negative number") for value in (-0.1, np.float32(-0.1), "0.1")]
NO_SCHEDULE = [
    *BAD_DECAY,
    *[({"weight_decay": value}, "extend_with_decoupled_weight_decay") for value in (SCHEDULE, lambda: 0.1)],
]
BAD_EPSILON = [({"epsilon": value}, "a non-negative number") for value in (-1e-3, np.float32(-1e-3), "1e-3", None)]
PENALTIES = {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2}
BAD_PENALTIES = [
    *[({name: -0.1}, "a non-negative number") for name in PENALTIES],
    ({"initial_accumulator_value": 0.0}, "a positive number"),
]
WARMUP = {"sma_threshold": 4.5, "total_steps": 4, "warmup_proportion": 0.5, "min_lr": 0.01}
BAD_WARMUP = [
    ({"sma_threshold": 3.0}, "a number >= 4"),
    ({"total_steps": -1}, "an integer"),
    ({"total_steps": 0.5}, "an integer"),
    ({"total_steps": "4"}, "an integer"),
    ({"warmup_proportion": 1.5}, "in [0, 1]"),
    ({"min_lr": -0.1}, "a non-negative number"),
]
BAD_PATTERNS = [
    ({"exclude_from_weight_decay": "bias"}, "a list of regular expressions"),
    ({"exclude_from_weight_decay": ["bias", "norm("]}, "re.escape"),
]
BAD_INNER = [({"optimizer": given}, "name of one") for given in ("adm", 3, None)]


def bad_counts(name, least):
    return [({name: value}, f"an integer >= {least}") for value in (least - 1, 2.5, "3", True)]


def bad_shares(name):
    return [({name: value}, "in [0, 1]") for value in (-0.1, 1.1, "0.5", None)]


def one_of_several(optimizers_and_layers=None, **more):
    """Return a MultiOptimizer for the single variable of the checks."""
    return MultiOptimizer(optimizers_and_layers or [(keras.optimizers.Adam(0.02), ["."])], **more)


ROWS = [
    OptimizerRow(
        AdaBelief,
        kwargs={**MOMENTS, **WARMUP, "amsgrad": True},
        bad=[*BAD_MOMENTS, *BAD_DECAY, *BAD_EPSILON, *BAD_WARMUP],
    ),
    OptimizerRow(AdaBelief, name="AdaBelief-unrectified", kwargs={**BETAS, "rectify": False}),
    OptimizerRow(
        AdamW,
        kwargs={**MOMENTS, "global_clipnorm": 2.0},
        bad=[*BAD_MOMENTS, *NO_SCHEDULE, ({"weight_decay": None}, "a non-negative number")],
    ),
    OptimizerRow(AdamW, name="AdamW-amsgrad", kwargs={**MOMENTS, "amsgrad": True, "global_clipnorm": 2.0}),
    OptimizerRow(
        AddonsAdamW,
        kwargs={**MOMENTS, "weight_decay": SCHEDULE, "amsgrad": True, "exclude_from_weight_decay": ["bias"]},
        bad=[*BAD_DECAY, *BAD_PATTERNS, ({"weight_decay": None}, "a number")],
    ),
    OptimizerRow(
        COCOB, kwargs={"alpha": 2, "weight_decay": 0.1}, bad=[({"alpha": 0.5}, "a number >= 1"), *NO_SCHEDULE]
    ),
    OptimizerRow(
        ConditionalGradient,
        kwargs={"learning_rate": 0.9, "lambda_": 2.0, "epsilon": 0.1},
        bad=[
            ({"lambda_": -1.0}, "a non-negative number"),
            ({"ord": "spectral"}, "'nuclear'"),
            *BAD_EPSILON,
            *NO_SCHEDULE,
        ],
    ),
    OptimizerRow(
        ConditionalGradient,
        name="ConditionalGradient-nuclear",
        kwargs={"learning_rate": 0.9, "lambda_": SCHEDULE, "ord": "nuclear"},
    ),
    OptimizerRow(
        AddonsLAMB,
        kwargs={**MOMENTS, "exclude_from_layer_adaptation": ["bias"]},
        bad=[*BAD_MOMENTS, *BAD_DECAY, *BAD_EPSILON, *BAD_PATTERNS, ({"exclude_from_layer_adaptation": [1]}, "a list")],
    ),
    OptimizerRow(GradientCentralization, kwargs={"optimizer": "adam"}, bad=BAD_INNER),
    OptimizerRow(
        GradientNoise,
        kwargs={"optimizer": "rmsprop", "eta": 0.3, "gamma": 0.5, "seed": 3},
        bad=[
            *BAD_INNER,
            ({"eta": -0.1}, "a non-negative number"),
            ({"gamma": -0.1}, "a non-negative number"),
            *[({"seed": seed}, "a non-negative integer") for seed in (-1, 0.5, "1")],
        ],
    ),
    OptimizerRow(Lamb, kwargs={**MOMENTS, "clipnorm": 1.5}, bad=[*BAD_MOMENTS, *NO_SCHEDULE]),
    OptimizerRow(
        LazyAdam,
        kwargs={**MOMENTS, "amsgrad": True},
        bad=[*BAD_MOMENTS, *BAD_DECAY, *BAD_EPSILON],
    ),
    OptimizerRow(
        Lookahead,
        kwargs={"optimizer": "adam", "sync_period": 2, "slow_step_size": 0.3},
        bad=[*BAD_INNER, *bad_counts("sync_period", 1), *bad_shares("slow_step_size")],
    ),
    OptimizerRow(
        MovingAverage,
        kwargs={"optimizer": "sgd", "average_decay": 0.8, "num_updates": 3, "start_step": 1, "dynamic_decay": True},
        bad=[
            *BAD_INNER,
            *bad_shares("average_decay"),
            *bad_counts("start_step", 0),
            *bad_counts("num_updates", 0),
        ],
    ),
    OptimizerRow(
        NovoGrad,
        kwargs={**MOMENTS, "weight_decay": SCHEDULE, "grad_averaging": True, "amsgrad": True},
        bad=[*BAD_MOMENTS, *BAD_DECAY, *BAD_EPSILON],
    ),
    OptimizerRow(
        ProximalAdagrad,
        kwargs={"learning_rate": 0.02, "initial_accumulator_value": 0.5, **PENALTIES},
        bad=[*BAD_PENALTIES, *NO_SCHEDULE],
    ),
    OptimizerRow(
        RectifiedAdam,
        kwargs={**MOMENTS, **WARMUP, "use_ema": True},
        bad=[*BAD_MOMENTS, *BAD_DECAY, *BAD_EPSILON, *BAD_WARMUP],
    ),
    OptimizerRow(
        ScaledUpdates,
        kwargs={"optimizer": "adam", "scales": {"variable|dense": 0.5}},
        bad=[
            *BAD_INNER,
            ({"scales": "dense"}, "a dict that maps regular expressions to scales"),
        ],
    ),
    OptimizerRow(
        SGD,
        kwargs={"learning_rate": 0.02, "momentum": 0.7, "nesterov": True, "weight_decay": 0.1},
        bad=[*NO_SCHEDULE, ({"momentum": 1.5}, "in [0, 1]"), ({"momentum": 1}, "a float in [0, 1]")],
    ),
    OptimizerRow(SGD, name="SGD-scheduled", kwargs={"learning_rate": 0.02, "momentum": SCHEDULE}),
    OptimizerRow(AdamW, name="AdamW-scheduled", kwargs={"learning_rate": 0.02, "beta_1": SCHEDULE}),
    OptimizerRow(
        SWA,
        kwargs={"optimizer": "adam", "start_averaging": 1, "average_period": 2},
        bad=[*BAD_INNER, *bad_counts("start_averaging", 0), *bad_counts("average_period", 1)],
    ),
    OptimizerRow(SGD, name="SGD-plain", kwargs={"learning_rate": 0.02, "loss_scale_factor": 4.0}),
    OptimizerRow(
        SGDW,
        kwargs={"weight_decay": SCHEDULE, "learning_rate": 0.02, "momentum": 0.7, "nesterov": True},
        bad=[*BAD_DECAY, *BAD_PATTERNS, ({"momentum": 1.0}, "in [0, 1)"), ({"weight_decay": None}, "a number")],
    ),
    OptimizerRow(
        Yogi,
        kwargs={"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "activation": "tanh", **PENALTIES},
        bad=[
            ({"beta1": 1.0}, "in [0, 1)"),
            ({"beta2": -0.1}, "in [0, 1)"),
            ({"activation": "relu"}, "'tanh'"),
            *BAD_EPSILON,
            *BAD_PENALTIES,
            *NO_SCHEDULE,
        ],
    ),
    OptimizerRow(
        extend_with_decoupled_weight_decay(keras.optimizers.Adam),
        kwargs={**MOMENTS, "weight_decay": SCHEDULE, "exclude_from_weight_decay": ["bias"]},
        bad=[*BAD_DECAY, *BAD_PATTERNS],
    ),
    OptimizerRow(
        extend_with_decoupled_weight_decay(SGD), name="SGD-decoupled", kwargs={"weight_decay": 0.1}, bad=BAD_DECAY
    ),
]

if hasattr(keras.optimizers, "MultiOptimizer"):  # added in Keras 3.15
    ROWS.append(
        OptimizerRow(
            one_of_several,
            name="MultiOptimizer",
            kwargs={"loss_scale_factor": 4.0},
            bad=[({"optimizers_and_layers": given}, "a list of pairs") for given in ("adam", [("adam",)], [3])],
        )
    )
