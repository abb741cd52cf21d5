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
        ("{", "`TF_CONFIG`: received '{', expected JSON"),
        ("[1]", "`TF_CONFIG`: received '\\[1\\]', expected"),
        (tf_config(clutser={}), r"`TF_CONFIG\['clutser'\]`.*did you mean cluster"),
        ('{"task": {"type": "worker", "index": 0}}', r"`TF_CONFIG\['cluster'\]`: received None"),
        (tf_config(task=None), r"`TF_CONFIG\['task'\]`: received None"),
        (tf_config(task={"type": "worker"}), r"`TF_CONFIG\['task'\]`.*expected type and index"),
        (tf_config(task={"type": "wroker", "index": 0}), "`task type`: received 'wroker'.*did you mean worker"),
        (tf_config(task={"type": ["worker"], "index": 0}), r"`task type`: received \['worker'\]"),
        (tf_config(task={"type": "worker", "index": 2}), "`task index`: received 2, expected a number from 0 to 1"),
        (tf_config(task={"type": "worker", "index": "0"}), "`task index`: received '0'"),
        (tf_config(cluster={"workers": WORKERS}), "`job`: received 'workers'.*did you mean worker"),
        (tf_config(cluster={"worker": "a:1"}), "`worker`: received 'a:1', expected a list"),
        (tf_config(cluster={"worker": ["a"]}), "`worker`: received 'a', expected HOST:PORT"),
        (tf_config(cluster={"worker": ["a:70000"]}), "`worker`: received 'a:70000', expected HOST:PORT with a port"),
        (tf_config(cluster={"worker": ["a:1", "a:1"]}), "received a:1 more than once"),
        (tf_config(cluster={"worker": []}), "`worker`: received \\[\\], expected at least one"),
        (tf_config(cluster={"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "`chief`.*expected one address"),
        (tf_config(cluster={"worker": ["a:1"], "chief": []}), "`chief`: received \\[\\], expected at least one"),
        (tf_config(cluster={"worker": ["a:1"], "ps": ["b:1"]}), "`chief`: received None, expected an address"),
    ],
)
def test_a_typo_is_named(monkeypatch, said, message):
    monkeypatch.setenv("TF_CONFIG", said)
    with pytest.raises(ValueError, match=message):
        cluster_from_environment()
