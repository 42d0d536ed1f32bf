"""Figures made for their numbers: without the drawing, which takes longest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from verify.figures import drawing


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Fill the panels of figures, but neither lay them out nor draw them; the texts of a figure are its SVG file."""
    from matplotlib.text import Text

    def texts(figure, _title):
        return "".join(f"<text>{one.get_text()}</text>\n" for one in figure.findobj(Text)).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_settle", lambda _: None)
        patch.setattr(drawing, "png", lambda _: b"")
        patch.setattr(drawing, "svg", texts)
        yield
