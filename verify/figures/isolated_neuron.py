"""The worst θ of a ReLU network: one neuron that is active on a single sample.

All other neurons are off, so that sample's gradient is the only one that is not zero: K has one entry, on the diagonal.
With a large outer weight its residual is also the only one that counts, and μ = n r_i² / ‖r‖² → n, whatever the labels
are; with the outer weight that fits its label r_i = 0, hence μ = 0. No μ is larger, because
μ = n r²ᵀã / (‖r‖² Σ ã) ≤ n. Such a neuron exists where some b has ⟨b, x_i⟩ > 0 and ⟨b, x_j⟩ ≤ 0 for all other j.
"""

from __future__ import annotations

import numpy as np


def isolating_weights(X: np.ndarray) -> tuple[int, np.ndarray] | None:
    """Find inner weights of a neuron that is active on a single sample.

    Args:
        X: inputs, shape (n, d).

    Returns:
        The sample and the weights b, shape (d,), with ⟨b, x_i⟩ = 1 and ⟨b, x_j⟩ ≤ 0 for all other j; the first
        sample for which there are any. None where there are none.
    """
    from scipy.optimize import linprog

    for sample in np.argsort(-np.linalg.norm(X, axis=1), kind="stable"):
        others = np.delete(X, sample, axis=0)
        # ⟨b, x_j⟩ ≤ −margin with the largest margin, so that rounding errors cannot switch the neuron on elsewhere.
        found = linprog(
            np.append(np.zeros(X.shape[1]), -1.0),
            A_ub=np.column_stack([others, np.ones(len(others))]),
            b_ub=np.zeros(len(others)),
            A_eq=np.append(X[sample], 0.0)[None, :],
            b_eq=[1.0],
            bounds=[(None, None)] * X.shape[1] + [(None, 1.0)],
            method="highs",
        )
        if found.x is not None and found.x[-1] > 1e-9:
            return int(sample), found.x[:-1]
    return None
