"""Benchmark `tensorsmith bench components`: losses, metrics and layers compared with Addons, SciPy and pycocotools.

A measurement is one call of a `tf.function` or of a function of the library, with gradients where the component is
differentiable.
"""

import contextlib
import importlib
import io
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tensorsmith.benchmarks.peers import PeerCase, Work, benchmark_of
from tensorsmith.core.types import Tensor


def _part(provider: str, name: str) -> ModuleType:
    """Return a submodule of tensorsmith or TensorFlow Addons, such as "losses"."""
    return importlib.import_module(f"{'tensorsmith' if provider == 'tensorsmith' else 'tensorflow_addons'}.{name}")


def _with_gradients(function: Callable[..., Any], tensors: list[Any]) -> Work:
    """Return a callable that computes a function and its gradients for a random upstream gradient."""
    import tensorflow as tf

    @tf.function
    def run(upstream: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
        return outputs, tape.gradient(outputs, tensors, upstream)

    upstream = tf.random.stateless_normal(function(*tensors).shape, (0, 0))
    return lambda: run(upstream)[0].numpy()


def _tensors(*arrays: np.ndarray) -> list[Any]:
    import tensorflow as tf

    return [tf.constant(array, "float32") for array in arrays]


def _metric_learning(name: str, batch: int) -> Callable[[str], Work]:
    """Return the benchmark of a metric learning loss on embeddings of width 128, with 16 examples per label."""

    def work(provider: str) -> Work:
        rng = np.random.default_rng(0)
        labels = rng.permutation(np.arange(batch) // 16)
        loss = getattr(_part(provider, "losses"), name)
        return _with_gradients(lambda x: loss(labels, x), _tensors(rng.normal(size=(batch, 128))))

    return work


def _sparsemax(provider: str) -> Work:
    module = importlib.import_module(
        "tensorsmith.layers.activations" if provider == "tensorsmith" else "tensorflow_addons.activations"
    )
    return _with_gradients(module.sparsemax, _tensors(np.random.default_rng(0).normal(size=(4096, 1000))))


def _correlation_cost(provider: str) -> Work:
    """Return the benchmark of the FlowNet correlation layer for 48 x 64 feature maps with 128 channels."""
    layer = _part(provider, "layers").CorrelationCost(1, 20, 1, 2, 20, data_format="channels_last")
    images = np.random.default_rng(0).normal(size=(2, 2, 48, 64, 128))
    return _with_gradients(lambda a, b: layer([a, b]), _tensors(*images))


def _embedding_bag(provider: str) -> Work:
    """Return the benchmark of an embedding bag layer with a table of 100,000 x 64, for 4,096 bags of 32 indices."""
    import tensorflow as tf

    layer = _part(provider, "layers").EmbeddingBag(100_000, 64)
    indices = tf.constant(np.random.default_rng(0).integers(0, 100_000, (4096, 32)))
    layer(indices)  # creates the table
    table = layer.embeddings if isinstance(layer.embeddings, tf.Variable) else layer.embeddings.value
    return _with_gradients(lambda table: layer(indices), [table])


def _kendall(provider: str) -> Work:
    """Return the benchmark of Kendall's tau-b for 100,000 samples with some ties."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1_000_000, 100_000).astype("float64")
    y = x + rng.normal(scale=500_000, size=x.size).round()
    if provider == "scipy":
        from scipy.stats import kendalltau

        return lambda: kendalltau(x, y)
    import tensorflow as tf

    from tensorsmith.metrics import kendalls_tau_b

    tensors, run = (tf.constant(x), tf.constant(y)), tf.function(kendalls_tau_b)
    return lambda: run(*tensors).numpy()


def _mean_average_precision(provider: str) -> Work:
    """Return the benchmark of COCO mAP for 500 images, with 10 true boxes and 20 detections per image in 20 classes."""
    rng = np.random.default_rng(0)
    truths = np.concatenate([rng.uniform(0, 300, (500, 10, 2)), rng.uniform(5, 80, (500, 10, 2))], axis=-1)
    truth_labels = rng.integers(0, 20, (500, 10, 1))
    boxes = np.maximum(np.repeat(truths, 2, axis=1) + rng.normal(0, 6, (500, 20, 4)), 1)
    labels, scores = np.repeat(truth_labels, 2, axis=1), rng.random((500, 20, 1))
    truths = np.concatenate([truths, truth_labels], axis=-1)
    found = np.concatenate([boxes, labels, scores], axis=-1)
    return _coco(truths, found) if provider == "pycocotools" else _ours(truths, found)


def _ours(truths: np.ndarray, found: np.ndarray) -> Work:
    """Return a callable that computes mean average precision with tensorsmith, 100 images at a time."""
    from tensorsmith.metrics import MeanAveragePrecision

    metric = MeanAveragePrecision(20, box_format="xywh", capacity=10_000)

    def run() -> Any:
        metric.reset_state()
        for start in range(0, len(truths), 100):
            metric.update_state(truths[start : start + 100], found[start : start + 100])
        return metric.result().numpy()

    return run


def _coco(truths: np.ndarray, found: np.ndarray) -> Work:
    """Return a callable that computes mean average precision with pycocotools, for boxes of any size."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations = [
        {"image_id": image, "category_id": int(row[4]), "bbox": row[:4], "area": row[2] * row[3], "iscrowd": 0}
        for image, part in enumerate(truths.tolist())
        for row in part
    ]
    annotations = [{"id": i + 1, **facts} for i, facts in enumerate(annotations)]  # COCOeval treats id 0 as unmatched
    results = [
        {"image_id": image, "category_id": int(row[4]), "bbox": row[:4], "score": row[5]}
        for image, part in enumerate(found.tolist())
        for row in part
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO()
        categories, images = [{"id": i} for i in range(20)], [{"id": i} for i in range(len(truths))]
        data.dataset = {"images": images, "categories": categories, "annotations": annotations}
        data.createIndex()
        loaded = data.loadRes(results)

    def run() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(data, loaded, "bbox")
            evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"][..., -1].mean()  # with at most 100 detections per image

    return run


CASES = {
    "triplet_hard": PeerCase(_metric_learning("triplet_hard_loss", 2048), {"addons": 2}),
    # The memory of Addons grows with the cube of the batch size and would be 34 GB for a batch of 2,048.
    "lifted_struct": PeerCase(_metric_learning("lifted_struct_loss", 2048), {}),
    "lifted_struct_512": PeerCase(_metric_learning("lifted_struct_loss", 512), {"addons": 2}),
    "triplet_semihard_512": PeerCase(_metric_learning("triplet_semihard_loss", 512), {"addons": 2}),
    "sparsemax": PeerCase(_sparsemax, {"addons": 2}),
    "kendall": PeerCase(_kendall, {"scipy": 2}),
    "mean_average_precision": PeerCase(_mean_average_precision, {"pycocotools": 2}),
    "correlation_cost": PeerCase(_correlation_cost, {"addons_ops": 2}),
    "embedding_bag": PeerCase(_embedding_bag, {"addons_ops": 2}),
}

BENCHMARK = benchmark_of(CASES)
