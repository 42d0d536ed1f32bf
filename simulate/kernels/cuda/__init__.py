"""The loops over replicas and steps as CUDA kernels: the same streams and algorithms as their siblings for the CPU.

The sources ``*.cuh`` and ``*.cu`` are compiled for the card at hand when they are first used, by CuPy. `launches` works
out grids, memory and arguments and knows nothing of CuPy, so that the tests run the very same launches on a CPU;
`device` is the card. Mapping and memory traffic are described at the top of ``ensemble.cu``.

No time of these kernels has been measured on a GPU yet.
"""
