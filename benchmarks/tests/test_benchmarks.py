"""Tests of interleaved measurements and of the equivalence of the providers."""

import ast
import dataclasses
import importlib.util
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.benchmarks import (
    Benchmark,
    Row,
    baseline,
    components,
    decode,
    gpt_decoders,
    image,
    loop,
    measure,
    models,
    overhead,
    peers,
    read_baseline,
    save_baseline,
    sequences,
    slower_than_baseline,
    tabular,
    text,
    torch_models,
    transformers,
    vision,
)
from tensorsmith.benchmarks.turns import PYTHON
from tensorsmith.data import load
from tensorsmith.recipes import find_recipe
from tensorsmith.testing import raises_argument_error


class Counting:
    """Contender with known measurements."""

    def __init__(self, provider):
        self.values = iter({"one": [4.0, 1.0, 2.0, 3.0, 5.0], "two": [10.0] * 5}[provider])

    def first(self):
        return 0.25

    def turn(self):
        return next(self.values)


def prepare(case, provider):
    print("chatter on standard output does not disturb")
    return Counting(provider)


BENCHMARK = Benchmark(
    cases=["any"],
    providers=lambda case: {"one": True, "two": True},
    prepare=prepare,
    unit=lambda case: "things",
    lower_is_better=False,
    targets=lambda case: {},
)


def test_measure_summary_statistics(tmp_path, monkeypatch):
    source = Path(__file__).read_text()
    contenders = source[source.index("class Counting") : source.index("def test_measure")]
    (tmp_path / "counting.py").write_text(f"from tensorsmith.benchmarks import Benchmark\n\n\n{contenders}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    one, two = measure("counting", "any", ["one", "two"], rounds=5)
    assert (one.median, one.turns, one.first_step_seconds) == (3.0, 5, 0.25)
    assert (one.p20, one.p80) == (1.8, 4.2)  # linear interpolation between order statistics
    assert (two.case, two.provider, two.unit, two.median) == ("any", "two", "things", 10.0)
    assert 10 < one.peak_megabytes < 100_000


def test_baseline(tmp_path, monkeypatch):
    """A time 16 % below the speed of the baseline is reported, one of 14 % is not."""
    monkeypatch.setattr(baseline, "FOLDER", tmp_path)
    with raises_argument_error("--compare", remedy="run the benchmark with --save-baseline first"):
        read_baseline("models")
    rows = [Row(case, "tensorsmith", "s/epoch", 1.0, 1.0, 1.0, 3, 0.1, 500.0) for case in ("a", "b")]
    others = [dataclasses.replace(row, provider="keras") for row in rows]
    path = save_baseline("models", rows + others)
    save_baseline("models", [dataclasses.replace(rows[1], median=2.0)])  # keeps the case "a"
    assert path.parent == tmp_path
    later = [dataclasses.replace(rows[0], median=1 / 0.86), dataclasses.replace(rows[1], median=2 / 0.84)]
    (message,) = slower_than_baseline("models", later, read_baseline("models"))
    assert message == "b ran at 0.84 times the speed of the baseline: 2.381 s/epoch instead of 2."


def test_component_providers_agree():
    """Providers that run in the same process compute the same result."""
    for case in ("kendall", "mean_average_precision"):
        values = [components.CASES[case].work(name)() for name in ("tensorsmith", *components.CASES[case].targets)]
        values = [getattr(value, "statistic", value) for value in values]
        assert abs(values[0] - values[1]) < 1e-6


@pytest.mark.slow  # takes seconds
def test_image_providers_agree():
    """Results of tensorsmith equal those of SciPy, but for roundings and for components of the whole batch."""
    labels, theirs = (np.asarray(image.CASES["connected_components"].work(name)()) for name in ("tensorsmith", "scipy"))
    assert len(np.unique(np.stack([labels[0], theirs[0]], -1).reshape(-1, 2), axis=0)) == theirs[0].max() + 1
    distances, theirs = (image.CASES["distance_transform"].work(name)() for name in ("tensorsmith", "scipy"))
    np.testing.assert_allclose(np.asarray(distances)[..., 0], theirs, rtol=1e-5)
    turned, theirs = (np.asarray(image.CASES["rotate"].work(name)(), "float64") for name in ("tensorsmith", "scipy"))
    assert np.abs(turned - theirs)[:, 60:164, 60:164].max() <= 1.01


@pytest.mark.parametrize("case", ["cube", "recurrence", "map"])
def test_overhead_providers_agree(case):
    """Providers without dropout compute the same result."""
    expected, *others = [overhead.CASES[case].work(provider)() for provider in overhead.CASES[case].providers]
    for other in others:
        np.testing.assert_allclose(other, expected, rtol=1e-3, atol=1e-4)


def test_tabular_providers_agree():
    """The feature spec and the feature space return the same vectors, up to the order of their components."""
    features = {name: values[:1000] for name, values in load("adult").features.items()}
    batches = tf.data.Dataset.from_tensor_slices(features).batch(100)
    (ours, _), (theirs, _) = tabular.adapted_spec(features, batches), tabular.adapted_space(features, batches)
    for batch in batches.take(3):
        expected = np.sort(theirs(batch), axis=-1)
        np.testing.assert_allclose(np.sort(ours(batch), axis=-1), expected, rtol=1e-5, atol=1e-6)


SLOW = {"words", "word_pieces"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case in SLOW else ()) for case in text.PROVIDERS]
)
def test_text_providers_agree(case):
    """Providers with the same rules for words and subwords return the same tokens."""
    texts = text.reviews()[:300]
    expected = text.tensorsmith(case, texts)(tf.constant(texts)).to_list()
    for provider in text.PROVIDERS[case][1:]:
        encode = text.MAKERS[provider](case, texts)
        if provider == "keras":  # removes punctuation
            assert len(encode(tf.constant(texts)).to_list()) == len(texts)
        else:
            found = encode(texts)
            assert (found if provider == "tokenizers" else found.to_list()) == expected


def test_model_parameter_counts():
    """The Keras models have the number of parameters computed by hand."""
    for name, parameters in {
        "mlp_32": 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10,
        "mlp_wide": 784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10,
        "cnn_32": 9 * 32 + 32 + 9 * 32 * 64 + 64 + 64 * 49 * 64 + 64 + 64 * 10 + 10,
        "transformer_32": 4 * (64 * 64 + 64) + 2 * 64 * 256 + 256 + 64 + 4 * 64 + 64 * 10 + 10,
        "lstm_32": 4 * (20 * (1 + 20) + 20) + 4 * (20 * (20 + 20) + 20) + 20 + 1,
    }.items():
        model, _ = loop._keras_model(name)
        assert model.count_params() == parameters


@pytest.mark.parametrize("name", models.CASES)
def test_torch_models_have_as_many_parameters(name):
    """The PyTorch model has the trainable parameters of the recipe, but two biases per LSTM."""
    pytest.importorskip("torch", reason="installed by `make .venv/bench`")
    recipe = models._recipe(name)
    config = recipe.config_class()
    model = recipe.build_trainer(config).model
    theirs = sum(parameter.numel() for parameter in torch_models.TORCH_MODELS[name](config).parameters())
    ours = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    if name == "timeseries/one_step":
        ours += sum(4 * units for units in config.units)
    assert theirs == ours


def test_keras_model_of_series_matches_recipe():
    recipe = find_recipe("timeseries/one_step").recipe
    config = recipe.config_class()
    theirs, ours = models._keras_series(config), recipe.build_trainer(config).model
    assert all(type(layer).__module__.startswith("keras.") for layer in theirs.layers)
    ours.set_weights(theirs.get_weights())
    x = keras.random.normal((2, config.steps, 1), seed=1)
    np.testing.assert_allclose(theirs(x), ours(x), rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # starts PyTorch
def test_networks_for_sequences_have_as_many_parameters():
    """The networks of tensorsmith, Keras and PyTorch have equally many parameters, and equal outputs with padding."""
    ours = {case: _parameters(sequences.network(case)) for case in sequences.CASES}
    assert {case: _parameters(sequences.keras_network(case)) for case in sequences.CASES} == ours
    for case in ("masked_gru", "attention"):
        networks = sequences.network(case), sequences.keras_network(case)
        weights = networks[0].get_weights()
        if case == "attention":  # the model of Keras lists the embeddings of the target after the encoder
            weights.insert(7, weights.pop(1))
        networks[1].set_weights(weights)
        inputs = keras.tree.map_structure(lambda array: array[:5], sequences.arrays(case)[0])
        first, second = (network(inputs) for network in networks)
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    del ours["attention"]
    sizes = {case: (sequences.CASES[case].tokens, sequences.EMBEDDING, sequences.CASES[case].units) for case in ours}
    counts = f"{{case: count(TORCH_NETWORKS[case](*size)[0]) for case, size in {sizes}.items()}}"
    assert _in_torch(counts, "torch_sequences") == ours


@pytest.mark.slow  # starts PyTorch
def test_transformers_have_as_many_parameters():
    """The models of tensorsmith, Keras and PyTorch have equally many parameters; that of Keras has equal logits."""
    ours = {case: transformers.network(case) for case in transformers.CASES}
    for case, network in ours.items():
        other = transformers.keras_network(case)
        other.set_weights(network.get_weights())
        inputs = keras.tree.map_structure(lambda array: array[:3], transformers.arrays(case)[0])
        if case == "encoder_decoder":  # from the second block on, Keras does not mask the padding of the source
            inputs["source"] = np.maximum(inputs["source"], 1)
        np.testing.assert_allclose(other(inputs), network(inputs), rtol=1e-4, atol=1e-5)
    counts = {case: _parameters(network) for case, network in ours.items()}
    theirs = "{case: count(TORCH_NETWORKS[case](about, 0.1)[0]) for case, about in transformers.CASES.items()}"
    assert _in_torch(theirs, "torch_transformers") == counts


@pytest.mark.slow  # starts PyTorch
def test_networks_for_vision_have_as_many_parameters():
    """The networks of Keras and PyTorch have the trainable parameters of tensorsmith, but a class token of 192."""
    ours = {case: _parameters(vision.network(case)) for case in vision.CASES}
    assert {case: _parameters(vision.keras_network(case)) for case in vision.CASES} == ours
    shapes = {case: each.shape for case, each in vision.CASES.items()}
    theirs = _in_torch(f"{{case: count(TORCH_NETWORKS[case](shape)[0]) for case, shape in {shapes}.items()}}")
    assert theirs == ours | {"vit": ours["vit"] + 192}


@pytest.mark.slow  # starts PyTorch
def test_loss_of_torch_detector(tmp_path):
    _, targets = vision.arrays("detector")
    outputs = np.random.default_rng(1).normal(size=targets.shape).astype("float32")
    np.savez(tmp_path / "arrays.npz", outputs=outputs, targets=targets)
    arrays = f"(torch.from_numpy(array) for array in np.load({str(tmp_path / 'arrays.npz')!r}).values())"
    expected = _in_torch(f"float(TORCH_NETWORKS['detector']((64, 64, 1))[1](*{arrays}))")
    np.testing.assert_allclose(vision.loss_of("detector")(targets, outputs), expected, rtol=1e-5)


@pytest.mark.slow  # starts other processes
@pytest.mark.parametrize("provider", ["addons", "torch"])
def test_decoders_generate_the_same_tokens(provider, tmp_path):
    if not importlib.util.find_spec(peers.MODULES.get(provider, provider)):
        pytest.skip(f"{provider} is not installed")
    script = f"""
import numpy as np
{"import tensorsmith.addons" if provider == "addons" else ""}
from tensorsmith.benchmarks import decode
for beams in (1, 4):
    np.save(f"{tmp_path}/{{beams}}.npy", decode.decoder(decode.DecodeCase(beams, batch=3, steps=5), {provider!r})())
"""
    subprocess.run([*PYTHON, "-c", script], check=True)
    for beams in (1, 4):
        expected = decode.decoder(decode.DecodeCase(beams, batch=3, steps=5), "tensorsmith")()
        np.testing.assert_array_equal(np.load(tmp_path / f"{beams}.npy"), expected)
        assert expected.size == beams * 3 * 5


@pytest.mark.slow  # starts PyTorch
def test_gpts_generate_the_same_tokens(tmp_path):
    if not importlib.util.find_spec("torch"):
        pytest.skip("torch is not installed")
    case = gpt_decoders.GPTCase(batch=3, prompt=5, steps=6)
    script = f"""
import numpy as np
from tensorsmith.benchmarks.gpt_decoders import GPTCase, gpt_decoder
np.save("{tmp_path}/tokens.npy", gpt_decoder({case!r}, "torch")())
"""
    subprocess.run([*PYTHON, "-c", script], check=True)
    for provider in ("tensorsmith", "uncached"):
        found = gpt_decoders.gpt_decoder(case, provider)()
        np.testing.assert_array_equal(np.load(tmp_path / "tokens.npy"), found)
    assert len(np.unique(found)) > 6


def _parameters(model):
    return sum(int(np.prod(each.shape)) for each in model.trainable_variables)


def _in_torch(expression, module="torch_vision"):
    """Returns the value of an expression in a process without TensorFlow, with which torchvision crashes."""
    if not importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is installed by `make .venv/bench`")
    script = f"""
import numpy as np, torch
from tensorsmith.benchmarks import transformers
from tensorsmith.benchmarks.{module} import TORCH_NETWORKS
count = lambda network: sum(each.numel() for each in network.parameters())
print({expression})
"""
    output = subprocess.run([*PYTHON, "-c", script], check=True, capture_output=True, text=True).stdout
    return ast.literal_eval(output)
