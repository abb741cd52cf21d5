import keras
import numpy as np

from tensorsmith.core import KeepsArguments, export


@export
class KeptHuber(KeepsArguments, keras.losses.Huber):
    kept_arguments = ("delta",)

    def __init__(self, delta=1.0, **kwargs):
        super().__init__(delta, **kwargs)
        self.delta = delta


def test_get_config():
    assert KeptHuber(2.0, name="robust").get_config() == {
        "delta": 2.0,
        "name": "robust",
        "reduction": "sum_over_batch_size",
    }


def test_save_and_load(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(loss=KeptHuber(2.0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.delta == 2.0
    x = np.array([[5.0]])
    assert float(loaded.compute_loss(y=np.zeros((1, 1)), y_pred=x)) == 8.0
