"""Tests that models saved with TensorFlow Addons load with equal outputs, as described in packages/migrate/README."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith import layers, losses

README = Path(__file__).parents[2] / "packages/migrate/README.md"
X = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")


@pytest.fixture(scope="module")
def for_keras_3():
    """Convert a saved model with the code of the README."""
    names = {}
    exec(re.search(r"```python\n(import h5py.*?)```", README.read_text(), re.DOTALL)[1], names)  # noqa: S102
    return names["for_keras_3"]


def loaded(path, name, module, **options):
    return keras.saving.load_model(path, custom_objects={f"Addons>{name}": getattr(module, name)}, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("layers.ESN", {"made_with": {"units": 6, "return_sequences": True}}, marks=pytest.mark.slow),
        ("layers.Maxout", {"made_with": {"num_units": 2}}),
        pytest.param(
            "layers.WeightNormalization",
            {"wrapped": ["Dense", {"units": 3}], "made_with": {"data_init": False}},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_layers(addons, tmp_path, kind, options):
    """Layers load by name, including the echo state network with `time_major` in its config (Addons #2787, #2807)."""
    path = str(tmp_path / "model.h5")
    expected = addons("saved", [X], path=path, kind=kind, trained=True, **options)[0]
    model = loaded(path, kind.split(".")[1], layers, compile=False)
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("layers.WeightNormalization", {"wrapped": ["Dense", {"units": 3}]}, marks=pytest.mark.slow),
        ("rnn.PeepholeLSTMCell", {"wrapped": ["RNN", {"return_sequences": True}], "made_with": {"units": 3}}),
        pytest.param(
            "rnn.LayerNormSimpleRNNCell", {"wrapped": ["RNN", {}], "made_with": {"units": 3}}, marks=pytest.mark.slow
        ),
    ],
)
def test_layers_in_files_unsupported_by_keras_3(addons, tmp_path, for_keras_3, kind, options):
    path = str(tmp_path / "model.h5")
    expected = addons("saved", [X], path=path, kind=kind, trained=True, **options)[0]
    with pytest.raises(ValueError, match=r"Received 6 saved weight|time_major"):
        loaded(path, kind.split(".")[1], layers, compile=False)
    for_keras_3(path)
    model = loaded(path, kind.split(".")[1], layers, compile=False)
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-5)


LABELLED = ("LiftedStructLoss", "NpairsLoss", "NpairsMultilabelLoss", "TripletHardLoss", "TripletSemiHardLoss")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ContrastiveLoss", {}),
        ("GIoULoss", {}),
        ("PinballLoss", {"tau": 0.3}),
        ("SigmoidFocalCrossEntropy", {"from_logits": True}),
        ("SparsemaxLoss", {}),
        ("WeightedKappaLoss", {"num_classes": 4}),
        *((name, {}) for name in LABELLED),
    ],
)
def test_losses_of_compiled_models(addons, tmp_path, name, options):
    """Compiled losses load, although their configs have reductions that Keras 3 lacks, or "none" for scalar losses."""
    path = str(tmp_path / "model.h5")
    addons("saved", [X], path=path, loss=name, made_with=options)
    loss = loaded(path, name, losses).loss
    expected = getattr(losses, name)(**options)
    assert type(loss) is type(expected)
    assert loss.reduction == expected.reduction
    again = type(loss).from_config(getattr(losses, name)(**options, reduction="none").get_config())
    assert again.reduction == "none"  # the reduction passed above
