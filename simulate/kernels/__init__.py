"""Compiled inner loops: the only home of Numba code. Nothing here is imported before its first use.

`loading` compiles or reads kernels from disk, `counters` has the random numbers, `rows` the small matrix products,
`linear`, `overparametrised` and `two_layer` one step of SGD for each family of models, and `ensemble` the loops over
replicas and steps.
"""
