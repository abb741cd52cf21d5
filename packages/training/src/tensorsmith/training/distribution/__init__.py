"""Training with replicas, worker groups and parameter servers."""
