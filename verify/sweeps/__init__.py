"""Sweeps: a claim, or a function of the user's, observed at every point of a grid."""
