"""Replicas, workers and parameter servers."""
