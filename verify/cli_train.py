"""The command `train`: trains a network on real images."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from verify import completion
from verify.console import Verbose, say, stoppable
from verify.errors import VerifyError


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("train", help=_HELP)(_train)


_HELP = """Train a network of the paper until the loss is small, and store it.

    SGD with a constant learning rate on the squared loss, without momentum, weight decay or augmentation. NETWORK is
    fnn (4 layers, the default), cnn (4 layers), vgg11, vgg13, vgg16, vgg19, resnet8, resnet20, resnet38 or resnet110;
    none has batch norm.

    The folder takes the parameters (checkpoint.npz), the loss after every epoch (history.csv, loss.png) and
    manifest.json. Run the same command with the same --out again after an interruption: it goes on where it was and
    comes to the same parameters, bit for bit.

    \b
    Examples:
      noise-geometry train --lr 0.01
      noise-geometry train cnn --data cifar10 --classes cat,dog --samples 1000 --lr 0.01
      noise-geometry train resnet20 --data cifar10 --samples 1000 --out results/resnet20
      noise-geometry train resnet20 --data cifar10 --samples 1000 --out results/resnet20 --until 1e-6

    Exit status: 0 the loss was reached; 1 it was not, or the training diverged; 2 bad usage or input; 130 interrupted.
    """


@stoppable
def _train(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK", show_default=False, help="Which to train.", autocompletion=completion.networks
        ),
    ] = "fnn",
    data: Annotated[
        str, typer.Option(metavar="digits|cifar10", help="The images.", autocompletion=completion.data)
    ] = "digits",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            show_default=False,
            help="Two classes, by number or name; by default parity of digits, 0,1 of cifar10; all takes the ten of "
            "cifar10.",
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(metavar="N", show_default=False, help="Number of images; by default all of the classes."),
    ] = None,
    lr: Annotated[str, typer.Option("--lr", metavar="RATE", help="Learning rate.")] = "0.1",
    batch: Annotated[str, typer.Option(metavar="N", help="Batch size.")] = "32",
    until: Annotated[str, typer.Option(metavar="LOSS", help="Loss to be reached.")] = "1e-4",
    epochs: Annotated[
        str | None,
        typer.Option(
            metavar="N", show_default=False, help="Stop after so many, counted from the start; by default never."
        ),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            show_default=False,
            help="Units of each hidden layer of fnn (default 256); channels of the first layer of cnn (32), vgg (64), "
            "resnet (16).",
        ),
    ] = None,
    gain: Annotated[
        str,
        typer.Option(
            metavar="FACTOR",
            help="Factor of the variance of the initial weights (He et al.'s); 0.1667 is about PyTorch's default.",
        ),
    ] = "1",
    seed: Annotated[str, typer.Option(metavar="N", help="What fixes every random number.")] = "0",
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="New or empty folder, or that of the same training; by default results/train-<time>-<seed>.",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Where the state is kept; by default checkpoint.npz in the folder."
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="The folder that contains cifar-10-batches-bin; by default $NOISE_GEOMETRY_DATA, else the user's "
            "cache.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.trainable import Request
    from verify.training import train

    silent = json or quiet or verbose or sys.stderr is None or not sys.stderr.isatty()
    request = Request(
        network,
        data,
        classes,
        None if samples is None else _integer("samples", samples),
        None if width is None else _integer("width", width),
        _real("gain", gain),
        _real("lr", lr),
        _integer("batch", batch),
        _integer("seed", seed),
    )
    result = train(
        request,
        until=_real("until", until),
        epochs=None if epochs is None else _integer("epochs", epochs),
        out=out,
        checkpoint=checkpoint,
        data_dir=data_dir,
        progress=not silent,
    )
    say(result.to_json() + "\n" if json else result.headline() + "\n" if quiet else result.text())
    return result.exit_code


def _integer(name: str, text: str) -> int:
    """Read an integer from the command line; its range is checked later."""
    with contextlib.suppress(ValueError):
        return int(text)
    raise VerifyError(f"{name}: expected an integer, got {text!r:.60}")


def _real(name: str, text: str) -> float:
    """Read a number from the command line; its range is checked later."""
    with contextlib.suppress(ValueError):
        return float(text)
    raise VerifyError(f"{name}: expected a number, got {text!r:.60}")
