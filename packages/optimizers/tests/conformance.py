from tensorsmith.optimizers import SGD, AdamW, Lamb
from tensorsmith.testing import OptimizerRow

MOMENTS = {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5, "weight_decay": 0.1}
BAD_MOMENTS = [({name: value}, "in [0, 1)") for name in ("beta_1", "beta_2") for value in (1.0, -0.1)]
BAD_DECAY = [({"weight_decay": -0.1}, "0 or more")]

ROWS = [
    OptimizerRow(
        AdamW,
        kwargs={**MOMENTS, "global_clipnorm": 2.0},
        bad=[*BAD_MOMENTS, *BAD_DECAY, ({"weight_decay": None}, "0 or more")],
    ),
    OptimizerRow(AdamW, name="AdamW-amsgrad", kwargs={**MOMENTS, "amsgrad": True, "global_clipnorm": 2.0}, bad=()),
    OptimizerRow(Lamb, kwargs={**MOMENTS, "clipnorm": 1.5}, bad=[*BAD_MOMENTS, *BAD_DECAY]),
    OptimizerRow(
        SGD,
        kwargs={"learning_rate": 0.02, "momentum": 0.7, "nesterov": True, "weight_decay": 0.1},
        bad=[*BAD_DECAY, ({"momentum": 1.5}, "in [0, 1]"), ({"momentum": 1}, "a float in [0, 1]")],
    ),
    OptimizerRow(SGD, name="SGD-plain", kwargs={"learning_rate": 0.02, "loss_scale_factor": 4.0}, bad=()),
]
