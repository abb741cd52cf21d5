"""Helpers of the schedules."""
