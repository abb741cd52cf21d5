from tensorsmith.testing import Data, LayerRow
from tensorsmith.text import CrfDecodeForwardRnnCell

ROWS = [
    LayerRow(
        CrfDecodeForwardRnnCell,
        kwargs={"transition_params": [[0.25, -0.5, 1.0], [0.5, 0.125, -1.0], [-0.25, 0.75, 0.0]]},
        inputs=(Data((3,)), [Data((3,))]),
        supports_integers=False,  # as in TensorFlow Addons, scores are added to inputs of their dtype
        bad=[({"transition_params": [[0.0, 1.0]]}, "a square matrix")],
        bad_shapes=[({}, [(2, 4), [(2, 4)]], "have shape (batch, 3)")],
    ),
]
