"""The handbook in a real browser: light and dark, phone and keyboard, links, nothing loaded.

Without a browser these tests are skipped; NOISE_GEOMETRY_BROWSER=required makes that a failure.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from handbook_book import small
from report_browser import DESK, SMALL_PHONE, Page, browser
from test_report_accessibility import OF_TEXTS, OF_THE_FOCUS, SHAPE_CONTRAST, TEXT_CONTRAST, names

from verify.report import handbook_html


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("handbook") / "handbook.html"
    path.write_text(handbook_html.document(small()), encoding="utf-8")
    with browser() as driver:
        yield Page(driver, path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(page, dark):
    page.open(SMALL_PHONE if dark else DESK, dark=dark)
    # Every statement looks like these two.
    sections = "#statements details, [id='statement-C.3'] details, [id='statement-E.5'] details"
    page.run("for (const each of document.querySelectorAll(arguments[0])) each.open = true", sections)
    found = page.run(OF_TEXTS)
    assert {"proved", "cited", "no proof", "holds"} <= {text.lstrip("✓ ") for _, _, text in found}
    assert any(tag == "text" and text == "3.3" for _, tag, text in found)
    assert any(tag == "mi" for _, tag, _ in found)
    assert [each for each in found if each[0] < TEXT_CONTRAST] == []


@pytest.mark.parametrize("opened", [False, True], ids=["folded", "unfolded"])
def test_a_narrow_screen_scrolls_in_one_direction(page, opened):
    page.open(SMALL_PHONE)
    if opened:
        page.unfold()
    assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    page.run("scrollTo(500, 0)")
    assert page.run("return scrollX") == 0


def test_a_wide_formula_scrolls_in_its_box(page):
    page.open(SMALL_PHONE).unfold()
    boxes = page.run("""
      return [...document.querySelectorAll(".formula")].filter(e => e.scrollWidth > e.clientWidth)
        .map(e => getComputedStyle(e).overflowX)""")
    assert boxes and set(boxes) == {"auto"}


def test_formulas_are_drawn(page):
    page.open().unfold()
    sizes = page.run("""
      return [...document.querySelectorAll("math")].map(e => e.getBoundingClientRect())
        .map(box => [box.width, box.height])""")
    assert len(sizes) > 50 and all(width > 5 and height > 5 for width, height in sizes)


def test_a_box_of_the_drawing_leads_to_its_statement(page):
    page.open()
    page.run("document.querySelector('svg.graph a[href=\"#statement-3.3\"]').focus()")
    focus = page.run(OF_THE_FOCUS)
    assert "statement-3.3" in focus["name"]
    page.press("Enter", 13)
    assert page.run("return location.hash") == "#statement-3.3"
    assert page.run("return Math.abs(document.getElementById('statement-3.3').getBoundingClientRect().top) < 40")


def test_a_step_that_is_named_opens_its_proof(page):
    page.open()
    step = "document.getElementById('statement-3.3-step-2')"
    assert page.run(f"return {step}.checkVisibility()") is False
    page.run("location.hash = '#statement-3.3-step-2'")
    page.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.run(f"return {step}.checkVisibility()") is True


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_tab_key_shows_where_it_is(page, dark):
    page.open(dark=dark)
    visited = page.tab(45, OF_THE_FOCUS)
    assert not any(each["none"] for each in visited)
    drawn = [each for each in visited if "svg" not in each["name"] and 'class="box' not in each["name"]]
    assert len(drawn) > 20
    for each in drawn:
        assert each["style"] == "solid" and each["width"] >= 2 and each["ratio"] >= SHAPE_CONTRAST, each


def test_the_focus_on_a_box_is_a_thicker_line(page):
    page.open()
    line = "return getComputedStyle(document.querySelector('svg.graph a rect')).strokeWidth"
    before = page.run(line)
    page.run("""
      const stops = [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")];
      stops[stops.findIndex(each => each.matches("svg.graph a")) - 1].focus()""")
    page.press("Tab", 9)
    assert page.run("return document.activeElement === document.querySelector('svg.graph a')")
    assert (before, page.run(line)) == ("1.4px", "3px")


def test_what_can_be_used_has_a_name(page):
    page.open().unfold()
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    for roles in ({"link"}, {"button", "DisclosureTriangle"}, {"region"}, {"heading"}):
        found = names(nodes, roles)
        assert found and all(name.strip() for name in found), roles


def test_nothing_is_asked_for_and_nothing_goes_wrong(page):
    page.requests(), page.messages()
    page.open().unfold()
    assert all(address == page.path.as_uri() or address.startswith("data:") for address in page.requests())
    assert page.messages() == []


def test_the_table_sorts_by_how_far_a_statement_is_proved(page):
    page.open()
    page.run("document.querySelectorAll('#statements thead button')[2].click()")
    found = page.column(2, "#statements table")
    ranks = {"proved": 0, "checked": 1, "literature": 2, "open": 3, "failed": 4, "no proof": 5}
    assert [ranks[word] for word in found] == sorted(ranks[word] for word in found)
    assert len(set(found)) > 1
