"""Obtaining data sets: from where they are published to a folder in which every file is verified."""

NAMES = ("digits", "cifar10")
"""The data sets."""
