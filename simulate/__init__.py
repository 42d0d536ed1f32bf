"""What happens: designs, models, noise alignment and its exact worst cases.

Importing this package needs NumPy, SciPy and array-api-compat only. Functions work on arrays of any library that the
array API standard covers, and stay on their device.
"""

from .alignment import directional_alignment, directional_alignment_along, loss_alignment
from .arrays import to_host
from .datasets import digits
from .dynamics import (
    EscapeRate,
    escape_rate,
    online_escape_rate,
    online_second_moments,
    online_stability_threshold,
    second_moments,
    stability_threshold,
)
from .extremes import (
    AdversarialAlignment,
    AlignmentRange,
    FamilyAlignment,
    FamilyWitness,
    LabelFreeRange,
    TwoLayerWitness,
    UniformAlignmentRange,
    adversarial_alignment,
    deep_linear_alignment_search,
    deep_linear_witness,
    diagonal_alignment_search,
    directional_alignment_range,
    directional_alignment_ranges,
    gram_label_free_range,
    label_free_range,
    loss_alignment_range,
    uniform_alignment_range,
)
from .inputs import (
    effective_dimension,
    effective_rank,
    gaussian_inputs,
    isotropic,
    power_law,
    random_targets,
    spiked,
    teacher_targets,
)
from .models import DeepLinear, DiagonalLinear, Linear, Model, TwoLayer
from .streams import generator
from .validation import InputError, MissingDependencyError

__all__ = [
    "AdversarialAlignment",
    "AlignmentRange",
    "DeepLinear",
    "DiagonalLinear",
    "EscapeRate",
    "FamilyAlignment",
    "FamilyWitness",
    "InputError",
    "LabelFreeRange",
    "Linear",
    "MissingDependencyError",
    "Model",
    "TwoLayer",
    "TwoLayerWitness",
    "UniformAlignmentRange",
    "adversarial_alignment",
    "deep_linear_alignment_search",
    "deep_linear_witness",
    "diagonal_alignment_search",
    "digits",
    "directional_alignment",
    "directional_alignment_along",
    "directional_alignment_range",
    "directional_alignment_ranges",
    "effective_dimension",
    "effective_rank",
    "escape_rate",
    "gaussian_inputs",
    "generator",
    "gram_label_free_range",
    "isotropic",
    "label_free_range",
    "loss_alignment",
    "loss_alignment_range",
    "online_escape_rate",
    "online_second_moments",
    "online_stability_threshold",
    "power_law",
    "random_targets",
    "second_moments",
    "spiked",
    "stability_threshold",
    "teacher_targets",
    "to_host",
    "uniform_alignment_range",
]
