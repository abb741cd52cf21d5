import json

import pytest

from tensorsmith.core import Cluster, cluster_from_environment

WORKERS = ["10.0.0.1:2222", "10.0.0.2:2222"]


def tf_config(**said):
    return json.dumps({"cluster": {"worker": WORKERS}, "task": {"type": "worker", "index": 0}, **said})


def test_there_and_back(monkeypatch):
    cluster = Cluster({"chief": ["a:1"], "worker": ["b:2", "[::1]:3"], "ps": ["c:4"]}, ("worker", 1))
    monkeypatch.setenv("TF_CONFIG", cluster.as_tf_config())
    assert cluster_from_environment() == cluster


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_no_cluster(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert cluster_from_environment() is None


def test_who_leads():
    assert [Cluster({"worker": WORKERS}, ("worker", index)).chief for index in range(2)] == [True, False]
    jobs = {"chief": ["a:1"], "worker": WORKERS}
    assert Cluster(jobs, ("chief", 0)).chief
    assert not Cluster(jobs, ("worker", 0)).chief


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{", "TF_CONFIG must be JSON.*got '{'"),
        (
            "[1]",
            'TF_CONFIG must be \\{"cluster": \\{"worker": \\["HOST:PORT", \\.\\.\\.\\]\\}, "task":.*got \'\\[1\\]\'',
        ),
        (tf_config(clutser={}), r"TF_CONFIG\['clutser'\] must be omitted"),
        ('{"task": {"type": "worker", "index": 0}}', r"TF_CONFIG\['cluster'\] must .*got None"),
        (tf_config(task=None), r"TF_CONFIG\['task'\] must .*got None"),
        (
            tf_config(task={"type": "worker"}),
            r"TF_CONFIG\['task'\] must be a dict with the type and index of this machine",
        ),
        (tf_config(task={"type": "wroker", "index": 0}), "task type must .*got 'wroker'.*Did you mean worker"),
        (tf_config(task={"type": ["worker"], "index": 0}), r"task type must .*got \['worker'\]"),
        (
            tf_config(task={"type": "worker", "index": 2}),
            "task index must be an integer from 0 to 1, the tasks of job worker, got 2",
        ),
        (tf_config(task={"type": "worker", "index": "0"}), "task index must .*got '0'"),
        (tf_config(cluster={"workers": WORKERS}), "job must .*got 'workers'.*Did you mean worker"),
        (tf_config(cluster={"worker": "a:1"}), "worker must be a list.*got 'a:1'"),
        (
            tf_config(cluster={"worker": ["a"]}),
            "worker must have the form HOST:PORT with a port from 1 to 65535, got 'a'",
        ),
        (
            tf_config(cluster={"worker": ["a:70000"]}),
            "worker must have the form HOST:PORT with a port from 1 to 65535, got 'a:70000'",
        ),
        (tf_config(cluster={"worker": ["a:1", "a:1"]}), "cluster must contain distinct addresses"),
        (tf_config(cluster={"worker": []}), r"worker must be a list of at least one address, got \[\]"),
        (tf_config(cluster={"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "chief must be a list of one address"),
        (
            tf_config(cluster={"worker": ["a:1"], "chief": []}),
            r"chief must be a list of at least one address, got \[\]",
        ),
        (tf_config(cluster={"worker": ["a:1"], "ps": ["b:1"]}), "chief must be set when.*got None"),
    ],
)
def test_a_typo_is_named(monkeypatch, said, message):
    monkeypatch.setenv("TF_CONFIG", said)
    with pytest.raises(ValueError, match=message):
        cluster_from_environment()
