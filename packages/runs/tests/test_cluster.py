import json

import pytest

from tensorsmith.runs import Cluster, cluster_from_environment
from tensorsmith.testing import raises_argument_error

WORKERS = ["10.0.0.1:2222", "10.0.0.2:2222"]


def tf_config(**said):
    return json.dumps({"cluster": {"worker": WORKERS}, "task": {"type": "worker", "index": 0}, **said})


def test_tf_config_round_trip(monkeypatch):
    cluster = Cluster({"chief": ["a:1"], "worker": ["b:2", "[::1]:3"], "ps": ["c:4"]}, ("worker", 1))
    monkeypatch.setenv("TF_CONFIG", cluster.as_tf_config())
    assert cluster_from_environment() == cluster


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_no_cluster(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert cluster_from_environment() is None


def test_chief_task():
    assert [Cluster({"worker": WORKERS}, ("worker", index)).chief for index in range(2)] == [True, False]
    jobs = {"chief": ["a:1"], "worker": WORKERS}
    assert Cluster(jobs, ("chief", 0)).chief
    assert not Cluster(jobs, ("worker", 0)).chief


def test_strategy_of_process_that_must_serve():
    """Tests that a worker of parameter servers gets an error instead of waiting for the chief forever."""
    cluster = Cluster({"chief": ["a:1"], "worker": ["b:2"], "ps": ["c:4"]}, ("worker", 0))
    with raises_argument_error("task type", received="'worker'", expected="chief", remedy="call `cluster.serve()`"):
        cluster.strategy()


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), "60", True])
def test_invalid_timeout(timeout):
    with raises_argument_error("timeout", received=repr(timeout), expected="a positive number of seconds"):
        Cluster({"worker": WORKERS}, ("worker", 0), timeout)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("{", {"name": "TF_CONFIG", "received": "'{'", "expected": "JSON"}),
        ("[" * 100_000, {"name": "TF_CONFIG", "received": "'[[[", "expected": "JSON"}),
        (tf_config(cluster={"worker": [f"a:{'1' * 100_000}"]}), {"name": "worker", "received": "'a:111"}),
        (tf_config(cluster={"worker": ["a:1"] * 10_000}), {"name": "cluster", "received": "a:1 more than once"}),
        (
            "[1]",
            {
                "name": "TF_CONFIG",
                "received": "'[1]'",
                "expected": '{"cluster": {"worker": ["HOST:PORT", ...]}, "task":',
            },
        ),
        (tf_config(clutser={}), {"name": "TF_CONFIG['clutser']", "expected": "omitted"}),
        ('{"task": {"type": "worker", "index": 0}}', {"name": "TF_CONFIG['cluster']", "received": "None"}),
        (tf_config(task=None), {"name": "TF_CONFIG['task']", "received": "None"}),
        (
            tf_config(task={"type": "worker"}),
            {"name": "TF_CONFIG['task']", "expected": "a dict with the type and index of this machine"},
        ),
        (
            tf_config(task={"type": "wroker", "index": 0}),
            {"name": "task type", "received": "'wroker'", "remedy": "Did you mean worker"},
        ),
        (tf_config(task={"type": ["worker"], "index": 0}), {"name": "task type", "received": "['worker']"}),
        (
            tf_config(task={"type": "worker", "index": 2}),
            {
                "name": "task index",
                "received": "2",
                "expected": "the index of a task of job worker (an integer from 0 to 1)",
            },
        ),
        (tf_config(task={"type": "worker", "index": "0"}), {"name": "task index", "received": "'0'"}),
        (
            tf_config(cluster={"workers": WORKERS}),
            {"name": "job", "received": "'workers'", "remedy": "Did you mean worker"},
        ),
        (tf_config(cluster={"worker": "a:1"}), {"name": "worker", "received": "'a:1'", "expected": "a list"}),
        (
            tf_config(cluster={"worker": ["a"]}),
            {
                "name": "worker",
                "received": "'a'",
                "expected": "contain only addresses of the form HOST:PORT with a port from 1 to 65535",
            },
        ),
        (
            tf_config(cluster={"worker": ["a:70000"]}),
            {
                "name": "worker",
                "received": "'a:70000'",
                "expected": "contain only addresses of the form HOST:PORT with a port from 1 to 65535",
            },
        ),
        (tf_config(cluster={"worker": ["a:1", "a:1"]}), {"name": "cluster", "expected": "contain distinct addresses"}),
        (
            tf_config(cluster={"worker": []}),
            {"name": "worker", "received": "[]", "expected": "a list of at least one address"},
        ),
        (
            tf_config(cluster={"worker": ["a:1"], "chief": ["b:1", "c:1"]}),
            {"name": "chief", "expected": "a list of one address"},
        ),
        (
            tf_config(cluster={"worker": ["a:1"], "chief": []}),
            {"name": "chief", "received": "[]", "expected": "a list of at least one address"},
        ),
        (
            tf_config(cluster={"worker": ["a:1"], "ps": ["b:1"]}),
            {"name": "chief", "received": "None", "expected": "set when"},
        ),
    ],
)
def test_invalid_tf_config(monkeypatch, said, error):
    monkeypatch.setenv("TF_CONFIG", said)
    with raises_argument_error(**error):
        cluster_from_environment()
