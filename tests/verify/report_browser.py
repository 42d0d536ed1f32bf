"""Reports in a headless Chromium with its driver, for the tests that need a real browser.

Without a browser these tests are skipped; NOISE_GEOMETRY_BROWSER=required makes that a failure.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REQUIRED = os.environ.get("NOISE_GEOMETRY_BROWSER") == "required"
DESK = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
SMALL_PHONE = {**PHONE, "width": 360, "height": 640}


class Page:
    """One report in the browser."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        self.path = path

    def open(self, size: dict[str, Any] = DESK, *, dark: bool = False, scripts: bool = True, media: str = "") -> Page:
        """Load the report anew."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            # Smooth scrolling moves what is about to be clicked.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.command("Emulation.setDeviceMetricsOverride", **size)
        self.command("Emulation.setEmulatedMedia", media=media, features=features)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get(self.path.as_uri())
        return self

    def unfold(self) -> None:
        """Open everything that can be folded."""
        self.run("for (const each of document.querySelectorAll('details')) each.open = true")

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def column(self, number: int, table: str = "#verdicts table") -> list[str]:
        """Read a column of a table, without the marks of states."""
        cells = (
            "return [...document.querySelector(arguments[0]).tBodies[0].rows].map(r => r.cells[arguments[1]].innerText)"
        )
        return [text.strip() for text in self.run(cells, table, number)]

    def order(self) -> list[str | None]:
        """Read how the columns of the verdicts say that they are sorted."""
        return self.run("return [...document.querySelectorAll('#verdicts th[scope=col]')].map(h => h.ariaSort)")

    def press(self, key: str, code: int) -> None:
        """Press a key for whatever has the focus."""
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        for kind in ("keyDown", "keyUp"):
            extra = text if kind == "keyDown" else {}
            self.command("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra)

    def tab(self, count: int, measure: str) -> list[Any]:
        """Press Tab once more than so many times; return what the script says of each stop but the last.

        The page itself measures before each next key moves the focus on: asking it every time takes far longer.
        """
        self.run(
            "window.measured = [];"
            f"addEventListener('keydown', () => window.measured.push((() => {{ {measure} }})()), true)"
        )
        for _ in range(count + 1):
            self.command("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", windowsVirtualKeyCode=9)
        return self.run("return window.measured.slice(1)")

    def screenshot(self) -> np.ndarray:
        """Return what is seen, shape (height, width, 3), values from 0 to 1."""
        from matplotlib.image import imread

        data = base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])
        return imread(io.BytesIO(data))[:, :, :3]

    def messages(self) -> list[str]:
        """Return what the console said since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last time."""
        said = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in said if each["method"] == "Network.requestWillBeSent"]


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Start the browser, which may load nothing from anywhere; the tests that ask for it are skipped without one."""

    def missing(what: str) -> None:
        if REQUIRED:
            pytest.fail(f"NOISE_GEOMETRY_BROWSER=required: {what}")
        pytest.skip(what)

    try:
        from selenium.webdriver import Chrome, ChromeOptions, ChromeService
    except ImportError:
        missing("no selenium")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if found is None or chromedriver is None:
        missing("no chromium with chromedriver")
    options = ChromeOptions()
    options.binary_location = found
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = Chrome(options=options, service=ChromeService(executable_path=chromedriver))
    try:
        yield started
    finally:
        started.quit()
