"""The Gram matrix of the CNN by PyTorch: gradients of each sample by torch.func, then their product."""

from __future__ import annotations

import numpy as np
import torch
from torch.func import grad, vmap
from torch_networks import convolutional


def gram(theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Form the Jacobian of the outputs, and its product.

    Args:
        theta: Parameters.
        X: Images (n, 3, 32, 32).

    Returns:
        K, shape (n, n).
    """

    def output(parameters: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return convolutional(parameters, image[None])[0, 0]

    each = vmap(grad(output), in_dims=(None, 0), chunk_size=250)
    jacobian = each(torch.from_numpy(theta), torch.from_numpy(X))
    return (jacobian @ jacobian.T).numpy()
