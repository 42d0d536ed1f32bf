"""Alignment of a two-layer network as users of other software would compute it, each at its documented best.

Every route takes a problem and returns `Found`. What PyTorch's libraries lack (μ and g) follows from their Gram matrix
by the same identities as ours, in PyTorch.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg
import torch
from torch import nn

import simulate


@dataclass(frozen=True)
class Found:
    """What a route finds.

    Attributes:
        mu: Centred loss alignment; None where the route has none.
        values: Eigenvalues of G, or of H where the route says so, descending.
        alignments: Centred g along the eigenvectors; None where the route has none.
    """

    mu: float | None
    values: np.ndarray
    alignments: np.ndarray | None = None


class Problem:
    """A two-layer network with both layers trained, random labels, float64; the same numbers on every side.

    Args:
        n: Samples.
        d: Dimension of the inputs.
        width: Neurons.
    """

    def __init__(self, n: int = 1000, d: int = 100, width: int = 500) -> None:
        self.model = simulate.TwoLayer(d, width, slope=0.1, train_outer=True)
        self.X, self.theta = simulate.gaussian_inputs(n, simulate.isotropic(d)), self.model.init()
        self.y = simulate.random_targets(n)
        self.inputs, self.targets = torch.from_numpy(self.X), torch.from_numpy(self.y)[:, None]
        self.network = self.fresh_network()

    def fresh_network(self) -> nn.Sequential:
        """The network in PyTorch, with hooks of nobody on it."""
        d, width = self.model.d, self.model.width
        layers = nn.Linear(d, width, bias=False), nn.LeakyReLU(self.model.slope), nn.Linear(width, 1, bias=False)
        network = nn.Sequential(*layers).double()
        with torch.no_grad():
            network[0].weight.copy_(torch.from_numpy(self.theta[: width * d]).reshape(width, d))
            network[2].weight.copy_(torch.from_numpy(self.theta[width * d :]).reshape(1, width))
        return network


def ours(problem: Problem, spectrum: bool = True) -> Found:
    """Ours: the Gram matrix layer by layer."""
    gram = problem.model.gram(problem.theta, problem.X)
    residual = problem.model.predict(problem.theta, problem.X) - problem.y
    mu = simulate.loss_alignment(gram, residual, centred=True)
    return Found(mu, *simulate.directional_alignment(gram, residual, centred=True)) if spectrum else Found(mu, gram)


def torch_func(problem: Problem, spectrum: bool = True) -> Found:
    """torch.func: gradients of each sample by vmap, then products parameter by parameter (its tutorial on NTKs)."""
    from torch.func import functional_call, grad, vmap

    parameters = {name: value.detach() for name, value in problem.network.named_parameters()}

    def output(values: Any, x: torch.Tensor) -> torch.Tensor:
        return functional_call(problem.network, values, (x[None],))[0, 0]

    gradients = vmap(grad(output), (None, 0))(parameters, problem.inputs)
    return _from_gram(problem, _products(gradients.values()), spectrum)


def backpack(problem: Problem, spectrum: bool = True) -> Found:
    """BackPACK: BatchGrad of the sum of the outputs, then products parameter by parameter."""
    from backpack import backpack as extensions
    from backpack import extend
    from backpack.extensions import BatchGrad

    network = extend(problem.fresh_network())
    with warnings.catch_warnings(), extensions(BatchGrad()):
        # PyTorch warns of BackPACK's hook because the inputs need no gradient.
        warnings.filterwarnings("ignore", "Full backward hook is firing")
        network(problem.inputs).sum().backward()
    return _from_gram(problem, _products(each.grad_batch for each in network.parameters()), spectrum)


def nngeometry(problem: Problem, spectrum: bool = True) -> Found:
    """nngeometry: its Gram matrix, which goes layer by layer as ours does."""
    from nngeometry.gram import GramMatrix
    from torch.utils.data import DataLoader, TensorDataset

    samples = TensorDataset(problem.inputs, problem.targets)
    gram = GramMatrix(problem.network, DataLoader(samples, batch_size=len(samples)))
    found = gram.to_torch()
    return _from_gram(problem, found.reshape(len(samples), len(samples)), spectrum)


def curvlinops(problem: Problem, count: int = 10) -> Found:
    """curvlinops: the top of the spectrum of the GGN by products with it (SciPy's eigsh); no μ and no g."""
    from curvlinops import GGNLinearOperator

    # The second derivative of PyTorch's squared error is 2 where G has 1.
    operator = GGNLinearOperator(
        problem.network,
        nn.MSELoss(),
        list(problem.network.parameters()),
        [(problem.inputs, problem.targets)],
        check_deterministic=False,
    )
    values = scipy.sparse.linalg.eigsh(operator.to_scipy(), k=count, return_eigenvectors=False)
    return Found(None, np.sort(values)[::-1] / 2)


def pyhessian(problem: Problem, count: int = 10) -> Found:
    """PyHessian: the top of the spectrum of H, which is another matrix than G, by power iteration."""
    from pyhessian import hessian

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        with warnings.catch_warnings():
            # It keeps the graph of the gradient on purpose.
            warnings.filterwarnings("ignore", "Using backward.. with create_graph=True")
            operator = hessian(
                problem.fresh_network(), nn.MSELoss(), data=(problem.inputs, problem.targets), cuda=False
            )
            values, _ = operator.eigenvalues(top_n=count)
    finally:
        torch.set_default_dtype(torch.float32)
    return Found(None, np.asarray(values) / 2)


def top_of_the_hessian(problem: Problem, count: int = 10) -> np.ndarray:
    """Eigenvalues of H of largest size, to rounding: what PyHessian is compared with."""
    from torch.func import functional_call, grad, jvp

    names = [name for name, _ in problem.network.named_parameters()]
    values = tuple(value.detach() for value in problem.network.parameters())
    sizes = [value.numel() for value in values]

    def loss(*parameters: torch.Tensor) -> torch.Tensor:
        outputs = functional_call(problem.network, dict(zip(names, parameters, strict=True)), (problem.inputs,))
        return ((outputs - problem.targets) ** 2).mean() / 2

    gradient = grad(loss, argnums=tuple(range(len(values))))

    def product(v: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(np.ascontiguousarray(v.reshape(-1))).split(sizes)
        shaped = tuple(part.reshape(value.shape) for part, value in zip(parts, values, strict=True))
        changes = jvp(gradient, values, shaped)[1]
        return torch.cat([change.flatten() for change in changes]).numpy()

    operator = scipy.sparse.linalg.LinearOperator((sum(sizes),) * 2, matvec=product, dtype=np.float64)
    found = scipy.sparse.linalg.eigsh(operator, k=count, which="LM", return_eigenvectors=False)
    return found[np.argsort(-np.abs(found))]


def _products(gradients: Any) -> torch.Tensor:
    """Sum J Jᵀ over the parameters."""
    flat = [each.flatten(1) for each in gradients]
    total = flat[0] @ flat[0].T
    for each in flat[1:]:
        total.addmm_(each, each.T)
    return total


def _from_gram(problem: Problem, gram: torch.Tensor, spectrum: bool) -> Found:
    """The Gram identities in PyTorch."""
    with torch.no_grad():
        residual = (problem.network(problem.inputs) - problem.targets)[:, 0]
        n, energy, squares = len(residual), residual @ residual, (gram * gram).sum(1)
        mean = gram @ residual
        mu = float((n * (squares @ residual**2) - mean @ mean) / (energy * squares.sum()))
        if not spectrum:
            return Found(mu, gram.numpy())
        values, vectors = torch.linalg.eigh(gram)
        along = vectors.mul_(residual[:, None])
        alignments = ((along**2).sum(0) * n - along.sum(0) ** 2) / energy
        kept = values > 1e-12 * values[-1]
        return Found(mu, (values[kept] / n).flip(0).numpy(), alignments[kept].flip(0).numpy())
