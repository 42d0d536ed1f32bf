"""Why a path is slower than a peer, or short of its aim: what the report says beside the ratio."""

from __future__ import annotations

_SPECTRUM = "exact centred μ and full g spectrum of a two-layer network"
_REASONS = {
    ("training step of the CNN", "PyTorch"): (
        "oneDNN's convolutions are faster than our compiled ones on processors without AVX-512; docs/speed.md says "
        "what was tried"
    ),
    ("training step of ResNet-20", "PyTorch"): (
        "as for the CNN; and fixup's shifts, scales and sums are passes of their own through memory"
    ),
    (_SPECTRUM, "*"): (
        "every route with a Gram matrix ends in the same eigendecomposition of K, which dilutes the ratio of the Gram "
        "matrices alone; PyTorch's LAPACK (MKL) and NumPy's (OpenBLAS) differ besides"
    ),
    ("SGD ensemble, linear regression", "NumPy"): (
        "a step of one sample with 50 entries is two short sums: their latency binds, not arithmetic, while NumPy "
        "takes all replicas together"
    ),
    ("exact centred μ of a two-layer network", "nngeometry"): (
        "nngeometry contracts layer by layer as we do, from products of the same size"
    ),
}


def reason(path: str, peer: str) -> str:
    """Look a reason up.

    Args:
        path: the hot path.
        peer: the software that is faster, or nearer than aimed at.

    Returns:
        The reason; empty where none is known, which the report says.
    """
    return _REASONS.get((path, peer), _REASONS.get((path, "*"), ""))
