"""Conversion rules and checks for arguments of Keras 2.

A rule receives the arguments of a call as a dict of (new) names to source code, and returns the arguments to write. A
check receives them as well, with file names and functions resolved where they are known, and raises an error if Keras 3
rejects them.
"""

import ast
import re

from tensorsmith.migrate.entry import Given, RefusedError

REDUCTIONS = {"AUTO": "sum_over_batch_size", "SUM_OVER_BATCH_SIZE": "sum_over_batch_size", "SUM": "sum", "NONE": "none"}
MODEL_FILES = (".keras", ".h5", ".hdf5")
CHECKPOINT_FILES = (".keras", ".h5")  # Keras 3 accepts .hdf5 only in model.save and load_model
WEIGHTS_FILES = (".weights.h5",)

FUNCTION = re.compile(r"lambda\b|def |(functools\.)?partial\(")
CHECKPOINT = re.compile(r"\blatest_checkpoint\(")  # a function that returns the path of a TensorFlow checkpoint
RATE = re.compile(r"momentum|beta_?[12]")
EVALUATED = ("learning_rate", "weight_decay", "lambda_", "optimizer")  # arguments of optimizers that may be functions


def reduction(given: Given) -> Given:
    """Replace the reduction "auto", which is the default of Keras 2."""
    auto = str(literal(given.get("reduction", ""))).lower() == "auto"
    return {**given, "reduction": f'"{REDUCTIONS["AUTO"]}"'} if auto else given


def batch_major(given: Given) -> Given:
    """Remove `time_major=False`, the only value that Keras 3 supports."""
    if literal(given.get("time_major", "False")) is not False:
        raise RefusedError("time_major is not supported: transpose the inputs and outputs")
    return _without(given, "time_major")


def no_decay(given: Given) -> Given:
    """Remove a learning rate decay of zero."""
    if literal(given.get("decay", "0")) != 0:
        raise RefusedError(
            "decay is not supported: pass a schedule, "
            "learning_rate=keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay)"
        )
    return _without(given, "decay")


def no_functions(given: Given) -> None:
    """Check that hyperparameters are not functions, except those that are evaluated in each step."""
    for name, source in given.items():
        # Arguments by position whose names are unknown have numbers as keys. The first one is the learning rate.
        if name.isidentifier() and name not in EVALUATED and FUNCTION.match(source):
            advice = ", or a keras.Variable that a callback assigns" if RATE.fullmatch(name) else ""
            raise RefusedError(f"{name} must not be a function: pass a number{advice}")


def reset_metrics(given: Given) -> Given:
    """Remove `reset_metrics=False`, which is how Keras 3 behaves."""
    if literal(given.get("reset_metrics", "False")) is not False:
        raise RefusedError("reset_metrics is not supported: call model.reset_metrics() after the batch")
    return _without(given, "reset_metrics")


def weight_of_metric(given: Given) -> Given:
    """Remove `aggregation`, the sum of replicas or nothing, which Keras 3 accepts only in layers."""
    if given.get("aggregation", "").rpartition(".")[2].lower().strip("\"'") not in ("", "none", "sum"):
        raise RefusedError("aggregation is not supported in metrics: Keras 3 sums the state of replicas")
    return _without(given, "aggregation")


def weight_of_layer(given: Given) -> Given:
    """Write `aggregation` as a string. `None`, the default of Keras 2, is left out."""
    name = given.get("aggregation", "").rpartition(".")[2].strip("\"'").lower()
    given = _without(given, "aggregation")
    return {**given, "aggregation": f'"{name}"'} if name not in ("", "none") else given


def value_not_function(given: Given) -> Given:
    """Check that the initial value of a variable is not a function, which Keras 3 calls with a shape."""
    if given.get("initializer", "").startswith("lambda"):
        raise RefusedError("the initial value must not be a function: create the variable with self.add_weight")
    return given


def file_format(given: Given) -> Given:
    """Remove `save_format` and `include_optimizer=True`; a check has verified that the file name tells the format."""
    if literal(given.get("save_format", "None")) in ("h5", "keras", None):
        return _without(given, "save_format")
    raise RefusedError("a SavedModel is written by model.export(path) and cannot be trained further")


def checkpoint_file(given: Given) -> None:
    """Check the file name of `ModelCheckpoint`, which depends on `save_weights_only`."""
    weights = literal(given.get("save_weights_only", "False"))
    if weights is True:
        weights_file(given)
    elif weights is False:
        _expect(given, CHECKPOINT_FILES, is_visible=True)


def model_file(given: Given) -> None:
    """Check the file name of a model that is saved."""
    if literal(given.get("save_format", "None")) != "tf":  # otherwise the format itself is rejected
        _expect(given, MODEL_FILES, "; a SavedModel is written by model.export(path) and cannot be trained further")


def model_file_to_load(given: Given) -> None:
    """Check the file name of a model that is loaded."""
    _expect(
        given, MODEL_FILES, "; load a SavedModel for inference with keras.layers.TFSMLayer(path, call_endpoint=...)"
    )


def weights_file(given: Given) -> None:
    """Check the file name of weights that are saved."""
    _expect(given, WEIGHTS_FILES, is_visible=True)


def weights_file_to_load(given: Given) -> None:
    """Check the file name of weights that are loaded."""
    if CHECKPOINT.search(given.get("filepath", "")):
        raise RefusedError("a TensorFlow checkpoint is loaded by tf.train.Checkpoint")
    _expect(given, (*WEIGHTS_FILES, *MODEL_FILES), "; a TensorFlow checkpoint is loaded by tf.train.Checkpoint")


def _expect(given: Given, endings: tuple[str, ...], more: str = "", is_visible: bool = False) -> None:
    """Check the end of a file name. With `is_visible`, it has to be visible, because Keras 2 required no such end."""
    path, ends = literal(given.get("filepath", "")), " or ".join(endings)
    if isinstance(path, str) and not path.endswith(endings):
        raise RefusedError(f"the file name has to end with {ends}{more}")
    if not isinstance(path, str) and "filepath" in given and is_visible:
        raise RefusedError(f"the file name has to end with {ends}, and is not visible here{more}")


def _without(given: Given, *names: str) -> Given:
    return {name: source for name, source in given.items() if name not in names}


def literal(source: str) -> object:
    """Return the value of a Python literal, or `None` for other source code."""
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return None
