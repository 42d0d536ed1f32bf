"""Layered networks without a deep-learning framework: one code for NumPy, CuPy and other arrays."""

from .architectures import convolutional, fully_connected, resnet, vgg
from .checkpoints import Checkpoint, load_checkpoint
from .eigenpairs import Eigenpairs, top_eigenpairs
from .escape import EscapeRun, escape_energy
from .gram_rows import GramRounding, blocked_loss_alignment, gram_rounding
from .network import Network
from .outcomes import Epoch, Outcome, Training, TrainingInterrupted
from .spectra import AlignmentSpectrum, SubsamplingError, alignment_spectrum, subsampling_error
from .training import train, training_minibatches

__all__ = [
    "AlignmentSpectrum",
    "Checkpoint",
    "Eigenpairs",
    "Epoch",
    "EscapeRun",
    "GramRounding",
    "Network",
    "Outcome",
    "SubsamplingError",
    "Training",
    "TrainingInterrupted",
    "alignment_spectrum",
    "blocked_loss_alignment",
    "convolutional",
    "escape_energy",
    "fully_connected",
    "gram_rounding",
    "load_checkpoint",
    "resnet",
    "subsampling_error",
    "top_eigenpairs",
    "train",
    "training_minibatches",
    "vgg",
]
