"""Distributed training with replicas, worker groups and parameter servers."""
