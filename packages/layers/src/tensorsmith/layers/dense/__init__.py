"""Densely connected layers, such as maxout layers and dense layers with noise."""
