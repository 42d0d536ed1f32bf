"""Layered networks without a deep-learning framework: one code for NumPy, CuPy and other arrays."""

from .architectures import convolutional, fully_connected, resnet, vgg
from .checkpoints import Checkpoint, load_checkpoint
from .eigenpairs import Eigenpairs, top_eigenpairs
from .escape import EscapeRun, escape_energy
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
    "Network",
    "Outcome",
    "SubsamplingError",
    "Training",
    "TrainingInterrupted",
    "alignment_spectrum",
    "convolutional",
    "escape_energy",
    "fully_connected",
    "load_checkpoint",
    "resnet",
    "subsampling_error",
    "top_eigenpairs",
    "train",
    "training_minibatches",
    "vgg",
]
