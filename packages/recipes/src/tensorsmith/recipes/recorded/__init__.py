"""Recorded results of recipes, and whether they are still reproduced."""
