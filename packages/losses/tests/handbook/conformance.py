import keras

from tensorsmith.losses import GaussianNLL, ReconstructionLoss, SequenceLoss, TverskyLoss, YOLOLoss
from tensorsmith.testing import Data, LossRow


@keras.saving.register_keras_serializable("tensorsmith_tests")
def squared_error(labels, logits):
    """A user's own loss of steps."""
    return keras.ops.square(logits[..., 0] - keras.ops.cast(labels, logits.dtype))


STEPS = Data((4,), "int32", 0, 3)
LOGITS = Data((4, 3))
NO_WEIGHTS = (-1.0, float("nan"), "much")

ROWS = [
    LossRow(GaussianNLL, kwargs={"reduction": "sum", "name": "sure"}, y_true=Data((2,)), y_pred=Data((4,)), bad=()),
    LossRow(
        ReconstructionLoss,
        kwargs={"from_logits": True, "pixels": "mean", "name": "painted"},
        y_true=Data((3, 4), low=0.0),
        y_pred=Data((3, 4)),
        bad=[
            ({"kind": "bernouli"}, "did you mean bernoulli?"),
            ({"pixels": "summ"}, "did you mean sum?"),
            ({"kind": "gaussian", "from_logits": True}, "False for 'gaussian'"),
        ],
    ),
    LossRow(
        ReconstructionLoss,
        name="ReconstructionLoss of probabilities",
        kwargs={"reduction": None},
        y_true=Data((3, 4), low=0.0),
        y_pred=Data((3, 4), low=0.05, high=0.95),
        bad=(),
    ),
    LossRow(
        ReconstructionLoss,
        name="ReconstructionLoss, gaussian",
        kwargs={"kind": "gaussian"},
        y_true=Data((3, 4)),
        y_pred=Data((3, 4)),
        bad=(),
    ),
    LossRow(
        SequenceLoss,
        kwargs={"name": "words"},
        y_true=STEPS,
        y_pred=LOGITS,
        per_sample=False,
        bad=[
            ({"average_across_timesteps": True}, "at most one"),
            ({"average_across_batch": True, "sum_over_batch": False}, "the order would matter"),
            ({"softmax_loss_function": "softmax"}, "a function of"),
        ],
    ),
    LossRow(
        SequenceLoss,
        name="SequenceLoss of each sequence, with a user's loss",
        kwargs={"sum_over_batch": False, "softmax_loss_function": squared_error},
        y_true=STEPS,
        y_pred=LOGITS,
        bad=(),
    ),
    LossRow(
        TverskyLoss,
        kwargs={"alpha": 0.3, "beta": 0.8, "smooth": 0.5, "name": "masks"},
        y_true=Data((3, 2, 2), "int32", 0, 2),
        y_pred=Data((3, 2, 2), low=0.0),
        bad=[({name: value}, "0 or more") for name in ("alpha", "beta", "smooth") for value in NO_WEIGHTS],
    ),
    LossRow(
        YOLOLoss,
        kwargs={"boxes": 2, "box_weight": 3.0, "no_object_weight": 0.2, "name": "once"},
        y_true=Data((2, 3, 13), low=0.0),
        y_pred=Data((2, 3, 13)),
        bad=[
            ({"boxes": 0}, "a positive integer"),
            *(({name: value}, "0 or more") for name in ("box_weight", "no_object_weight") for value in NO_WEIGHTS),
        ],
    ),
]
