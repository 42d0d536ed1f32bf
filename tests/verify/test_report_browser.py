"""The report in a real browser: sorting, the keyboard, themes, phones, paper."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from report_browser import DESK, PHONE, Page, browser
from test_report import ALTERED, HOSTILE, make_result, outcome

from verify.report import html
from verify.verdict import State

LONG = {
    "estimate": 12.0,
    "meaning": "smallest C (for all conditions) with at most a share δ of failures on every design",
}


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(driver, tmp_path_factory) -> Page:
    held = outcome("3.3", seconds=100.0)
    refuted = outcome("4.3*", State.VIOLATED, seconds=9.0, constant={"estimate": 1e-5}, **ALTERED)
    hostile = outcome("C.2", title=HOSTILE, summary="wide" * 300, seconds=20.0, constant=LONG)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.render(make_result(held, refuted, outcome("digits", seconds=0.5), hostile)), encoding="utf-8")
    return Page(driver, path)


CLAIMS = ["3.3", "4.3*", "digits", "C.2"]
# Column, the claims in ascending and in descending order.
BY_COLUMN = [
    # Claim: words with numbers in them.
    (0, ["3.3", "4.3*", "C.2", "digits"], ["digits", "C.2", "4.3*", "3.3"]),
    # State: violated first, equal ones as they were.
    (2, ["4.3*", "3.3", "C.2", "digits"], ["digits", "3.3", "C.2", "4.3*"]),
    # Constant: 1e-5, 1.93, 12; none stays last.
    (4, ["4.3*", "3.3", "C.2", "digits"], ["C.2", "3.3", "4.3*", "digits"]),
    # Time: 0.5 s, 9 s, 20 s, 1 min 40 s.
    (7, ["digits", "4.3*", "C.2", "3.3"], ["3.3", "C.2", "4.3*", "digits"]),
]


@pytest.mark.parametrize(("column", "ascending", "descending"), BY_COLUMN)
def test_a_click_sorts(page, column, ascending, descending):
    page.open()
    assert page.column(0) == CLAIMS
    button = page.driver.find_elements("css selector", "#verdicts thead button")[column]
    button.click()
    assert page.column(0) == ascending
    assert page.order() == ["ascending" if number == column else "none" for number in range(8)]
    button.click()
    assert page.column(0) == descending
    assert page.order()[column] == "descending"
    button.click()
    assert page.column(0) == CLAIMS
    assert page.order() == ["none"] * 8
    assert page.messages() == []


@pytest.mark.parametrize(("key", "code"), [("Enter", 13), (" ", 32)])
def test_the_keyboard_is_enough(page, key, code):
    page.open()
    page.press("Tab", 9)
    assert page.run("return document.activeElement.className") == "skip"
    assert page.run("return document.activeElement.getBoundingClientRect().left") >= 0
    assert page.run("return document.activeElement.getBoundingClientRect().top") >= 0
    for _ in range(20):
        page.press("Tab", 9)
        if page.run("return document.activeElement.innerText") == "Time":
            break
    assert page.run("return document.activeElement.tagName") == "BUTTON"
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(key, code)
    assert page.column(0) == BY_COLUMN[-1][1]
    assert page.run("return document.activeElement.innerText") == "Time"
    assert page.messages() == []


def test_every_table_sorts_by_itself(page):
    page.open()
    page.unfold()
    assert len(page.driver.find_elements("css selector", "#claim-1 table.sortable")) == 2
    controls = "#claim-1 details:last-of-type table"
    before = page.column(0, controls)
    assert len(before) > 1
    button = page.driver.find_element("css selector", f"{controls} thead button")
    button.click()
    assert page.column(0, controls) == sorted(before)
    button.click()
    assert page.column(0, controls) == sorted(before, reverse=True)
    assert page.column(0) == CLAIMS


def test_without_scripts_everything_is_there(page):
    page.open(scripts=False)
    try:
        assert page.driver.find_elements("css selector", "button") == []
        rows = page.driver.find_elements("css selector", "#verdicts tbody tr")
        assert [row.find_element("css selector", "th").text for row in rows] == CLAIMS
        headers = page.driver.find_elements("css selector", "#verdicts thead th")
        assert headers[7].text == "Time"
    finally:
        page.open()


def colours(shot: np.ndarray) -> int:
    """Count the colours that differ by a hundredth of a channel; numbers are sorted far faster than rows."""
    red, green, blue = np.moveaxis(np.round(shot * 100).astype(np.int64), -1, 0)
    return len(np.unique((red * 101 + green) * 101 + blue))


def test_light_and_dark_look_like_it(page, tmp_path):
    light, dark = page.open().screenshot(), page.open(dark=True).screenshot()
    for shot in (light, dark):
        assert shot.shape == (DESK["height"], DESK["width"], 3)
        # Text, states and lines: an empty page has one colour.
        assert colours(shot) > 30
    assert np.median(light) > 0.9
    assert np.median(dark) < 0.2
    page.open(PHONE, dark=True)
    page.run("document.querySelector('figure').scrollIntoView()")
    figure = page.screenshot()
    assert colours(figure) > 30
    assert page.messages() == []


@pytest.mark.parametrize("opened", [False, True])
def test_nothing_sticks_out_on_a_phone(page, opened):
    page.open(PHONE)
    page.run("for (const each of document.querySelectorAll('details')) each.open = arguments[0]", opened)
    assert page.run("return innerWidth") == PHONE["width"]
    assert page.run("return document.documentElement.scrollWidth") == PHONE["width"]
    outside = """
      const inside = e => e.closest('.scroll, pre, .formula, svg') || e.closest('.skip');
      return [...document.querySelectorAll('body *')].filter(e => !inside(e))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
    assert page.run(outside) == []
    buttons = page.run(
        "return [...document.querySelectorAll('#verdicts thead button')].map(b => b.getBoundingClientRect().toJSON())"
    )
    assert len(buttons) == 8
    assert all(b["left"] >= 0 and b["right"] <= PHONE["width"] and b["height"] >= 32 for b in buttons)
    page.driver.find_elements("css selector", "#verdicts thead button")[7].click()
    assert page.column(0) == BY_COLUMN[-1][1]


def test_those_who_cannot_see_it_hear_it(page):
    """The names and roles that the browser hands to screen readers."""
    for size in (DESK, PHONE):
        page.open(size)
        nodes = page.command("Accessibility.getFullAXTree")["nodes"]
        shown = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
        assert shown.count(("columnheader", "Time")) == 1
        assert ("button", "Time") in [(role, name.rstrip(" ↕")) for role, name in shown]
        assert [name for role, name in shown if role == "rowheader"][:4] == CLAIMS
        pictures = [name for role, name in shown if role in {"image", "img", "graphics-document"}]
        assert len(pictures) == 8
        assert all("along" in name for name in pictures)
        assert ("main", "") in [(role, name) for role, name in shown]
        assert all(name for role, name in shown if role in {"link", "button", "region", "heading"})


def test_paper_shows_what_is_folded(page):
    page.open(media="print", dark=True)
    heights = page.run(
        "return [...document.querySelectorAll('details:not([open]) > :not(summary)')].map(e => e.clientHeight)"
    )
    assert len(heights) > 8
    assert all(heights)
    unfolded = page.run("return document.querySelectorAll('details[open]').length")
    printed = base64.b64decode(page.command("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    # Nothing stays unfolded on the screen.
    assert page.run("return document.querySelectorAll('details[open]').length") == unfolded


def test_nothing_is_loaded_and_nothing_runs_but_our_script(page):
    page.requests()
    addresses = page.open().requests()
    assert page.path.as_uri() in addresses
    assert all(address == page.path.as_uri() or address.startswith("data:") for address in addresses)
    assert page.messages() == []
    # Were something to slip through the escaping, the page's policy would still stop it.
    blocked = "<img src='https://example.org/a.png' onerror='document.title=1'><script>document.title=1</script>"
    source = page.path.read_text(encoding="utf-8")
    broken = page.path.with_name("broken.html")
    broken.write_text(source.replace("<main>", f"<main>{blocked}"), encoding="utf-8")
    other = Page(page.driver, broken).open()
    assert page.driver.title == "noise-geometry: verification report"
    assert any("Content Security Policy" in message for message in other.messages())
