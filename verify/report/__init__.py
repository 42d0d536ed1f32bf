"""How a run is shown: text on the terminal, one self-contained HTML file, and tables for papers."""

from __future__ import annotations

FORMATS = ("text", "markdown", "latex", "csv", "html")
"""What a report can be written as."""
