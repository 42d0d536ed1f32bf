"""The report for everyone: contrast, names, the keyboard, small screens, in light and dark, in a real browser.

Without a browser these tests are skipped; NOISE_GEOMETRY_BROWSER=required makes that a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import fake_claims
import pytest
from report_browser import DESK, SMALL_PHONE, Page, browser
from test_report import ALTERED, HOSTILE, make_result, outcome

from verify.report import html
from verify.running import Outcome
from verify.verdict import Evidence, State

FITTED = [
    Evidence("ray: isotropic; upper bound", "slope of log ρ −0.03", State.HOLDS, {"slope": [-0.03, -0.06, 0.01]}),
    Evidence("ray: spiked; lower bound", "slope of log ρ +0.02", State.INCONCLUSIVE, {"slope": (0.02, -0.04, 0.12)}),
    Evidence("ray: slack", "the bound has slack", State.HOLDS, {"slope": []}),
]
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0
"""What WCAG 2.2 asks of text (level AA, whatever its size) and of what shows the focus."""

# Ratios of all texts that are seen, those in drawings and those of style sheets included: [ratio, element, text].
CONTRASTS = """
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const once = make => {
    const known = new Map();
    return key => known.get(key) ?? known.set(key, make(key)).get(key);
  };
  const drawn = once(text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  });
  const colour = text => [...drawn(text)];
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = once(e => e === null ? [255, 255, 255, 1]
    : over(colour(getComputedStyle(e).backgroundColor), ground(e.parentElement)));
  const opacity = once(e => e === null ? 1 : getComputedStyle(e).opacity * opacity(e.parentElement));
  const luminance = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const part = c[i] / 255;
    return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
"""
OF_TEXTS = (
    CONTRASTS
    + """
  const found = [];
  const measure = (e, style, extra, text) => {
    const ink = colour(e.ownerSVGElement ? style.fill : style.color), under = ground(e);
    ink[3] *= opacity(e) * extra;
    found.push([ratio(over(ink, under), under), e.tagName, text.trim().slice(0, 60)]);
  };
  for (const e of document.body.querySelectorAll("*")) {
    if (e.closest("script, style, title, desc") || !e.checkVisibility()) continue;
    const own = [...e.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join("");
    if (own.trim()) measure(e, getComputedStyle(e), 1, own);
    for (const pseudo of ["::before", "::after"]) {
      const style = getComputedStyle(e, pseudo);
      if (!["none", "normal", '""'].includes(style.content)) measure(e, style, style.opacity, style.content);
    }
  }
  return found;
"""
)
OF_THE_FOCUS = (
    CONTRASTS
    + """
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  return {
    name: e.outerHTML.slice(0, 80), none: e === document.body, style: style.outlineStyle,
    width: parseFloat(style.outlineWidth), seen: box.bottom > 0 && box.top < innerHeight && box.right > 0,
    ratio: ratio(over(colour(style.outlineColor), ground(e.parentElement)), ground(e.parentElement)),
  };
"""
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    """Open a report with every state, every part and a hostile text."""
    states = [State.NOT_REFUTED, State.INCONCLUSIVE, State.VACUOUS]
    claims = [
        outcome("3.3", evidence=FITTED, constant={"estimate": 2.0, "low": 1.0, "high": 3.0}),
        outcome("4.3*", State.VIOLATED, **ALTERED),
        *(Outcome(fake_claims.verdict(f"made {state}", state, plots=()), (), "") for state in states),
        outcome("digits"),
        outcome("C.2", title=HOSTILE, summary="wide" * 300),
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.render(make_result(*claims, interrupted=True)), encoding="utf-8")
    with browser() as driver:
        yield Page(driver, path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, SMALL_PHONE], ids=["desk", "phone"])
def test_every_text_stands_out_from_its_ground(page, dark, size):
    page.open(size, dark=dark).unfold()
    found = page.run(OF_TEXTS)
    assert len(found) > 300
    texts = {text for _, _, text in found}
    assert {str(state) for state in State} <= {text[2:] for text in texts}
    # In drawings, on buttons, and what style sheets add.
    assert {"number of samples n", "Controls refuted", '"↕" / ""'} <= texts
    assert [each for each in found if each[0] < TEXT_CONTRAST] == []


def test_an_unreadable_text_would_be_found(page):
    page.open().unfold()
    style = "const s = document.createElement('style'); s.textContent = arguments[0]; document.head.append(s)"
    page.run(
        style,
        "h1 { color: #777777; background: #666666 } .headline { opacity: .4 } .plot text { fill: #cccccc !important }",
    )
    poor = {tag for ratio, tag, _ in page.run(OF_TEXTS) if ratio < TEXT_CONTRAST}
    assert poor == {"H1", "P", "text"}


def test_the_document_has_a_language_a_title_and_a_viewport(page):
    page.open()
    assert page.run("return document.documentElement.lang") == "en-GB"
    assert page.run("return document.title").strip()
    viewport = page.run("return document.querySelector('meta[name=viewport]').content").replace(" ", "")
    assert "width=device-width" in viewport
    assert "user-scalable=no" not in viewport and "maximum-scale" not in viewport


def test_every_picture_has_a_text_or_is_decoration(page):
    page.open()
    named = page.run("""
      return [...document.querySelectorAll("svg:not(svg svg), img")].filter(e => !e.closest("[aria-hidden=true]"))
        .map(e => [e.getAttribute("role"), e.alt ?? (e.getAttribute("aria-labelledby") ?? "").split(" ")
          .map(id => document.getElementById(id)?.textContent.trim() || "MISSING").join(". ")])""")
    assert len(named) == 8
    assert all(role == "img" and len(text) > 40 and "MISSING" not in text for role, text in named)
    hidden = page.run(
        "return [...document.querySelectorAll('[aria-hidden=true]')].map(e => e.closest('.legend') !== null)"
    )
    assert hidden and all(hidden)


def test_headings_are_in_order_and_say_something(page):
    page.open().unfold()
    headings = page.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => [+h.tagName[1], h.innerText.trim()])"
    )
    levels = [level for level, _ in headings]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(text for _, text in headings)


def test_every_table_has_a_name_and_headers_with_a_scope(page):
    page.open().unfold()
    tables = page.run("""
      return [...document.querySelectorAll("table")].map(table => ({
        name: table.caption?.innerText || table.closest("[aria-label]")?.ariaLabel
          || document.getElementById(table.closest("[aria-labelledby]")?.getAttribute("aria-labelledby"))?.innerText,
        scopes: [...table.querySelectorAll("th")].map(h => h.scope),
        heads: [...table.tHead.rows[0].cells].map(h => h.tagName + h.scope + (h.innerText.trim() ? "" : "empty")),
      }))""")
    assert len(tables) > 8
    names = [table["name"] for table in tables]
    assert all(names) and len(set(names)) == len(names)
    for table in tables:
        assert set(table["scopes"]) <= {"col", "row"} and set(table["heads"]) == {"THcol"}


def test_every_table_sorts_by_the_keyboard_and_says_so(page):
    page.open().unfold()
    count = page.run("return document.querySelectorAll('table.sortable').length")
    sortable = 0
    for number in range(count):
        table = f"document.querySelectorAll('table.sortable')[{number}]"
        if page.run(f"return {table}.tBodies[0].rows.length") < 2:
            assert page.run(f"return {table}.querySelector('[aria-sort]')") is None
            continue
        sortable += 1
        assert page.run(f"return [...{table}.tHead.rows[0].cells].every(h => h.ariaSort === 'none')")
        page.run(f"{table}.querySelector('thead button').focus()")
        for expected in ("ascending", "descending", "none"):
            page.press("Enter", 13)
            assert page.run(f"return {table}.tHead.rows[0].cells[0].ariaSort") == expected
    assert sortable > 8
    assert page.messages() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_tab_key_reaches_everything_and_shows_where_it_is(page, dark):
    page.open(dark=dark).unfold()
    reachable = page.run("""
      return [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")].length""")
    visited = page.tab(reachable, OF_THE_FOCUS)
    assert reachable > 80 and not any(each["none"] for each in visited)
    for each in visited:
        assert each["style"] == "solid" and each["width"] >= 2 and each["seen"], each
        assert each["ratio"] >= SHAPE_CONTRAST, each
    # Nothing catches the focus: the last key has left the page.
    assert page.run(OF_THE_FOCUS)["name"] != visited[-1]["name"]


@pytest.mark.parametrize("opened", [False, True], ids=["folded", "unfolded"])
def test_a_narrow_screen_scrolls_in_one_direction(page, opened):
    page.open(SMALL_PHONE)
    if opened:
        page.unfold()
    assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    page.run("scrollTo(500, 0)")
    assert page.run("return scrollX") == 0
    wide = """
      return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".skip, svg"))
        .filter(e => !e.parentElement.closest(".scroll, pre, .formula"))
        .filter(e => e.getBoundingClientRect().right > 361 || e.getBoundingClientRect().left < -1)
        .filter(e => getComputedStyle(e).position !== "absolute").map(e => e.outerHTML.slice(0, 80))"""
    assert page.run(wide) == []


def test_nothing_is_asked_for_and_nothing_goes_wrong(page):
    page.requests(), page.messages()
    page.open().unfold()
    assert all(address == page.path.as_uri() or address.startswith("data:") for address in page.requests())
    assert page.messages() == []


def test_a_row_leads_to_its_evidence(page):
    page.open()
    link = page.driver.find_element("css selector", "#verdicts tbody tr td[data-label=Evidence] a")
    assert link.text == "3 tests"
    folded = "return document.querySelector('#claim-1-evidence').checkVisibility()"
    assert page.run(folded) is False
    link.click()
    assert page.run(folded) is True
    assert page.run(
        "const b = document.querySelector('#claim-1-evidence').getBoundingClientRect(); return b.top < innerHeight"
    )


def test_constants_and_exponents_stand_with_their_intervals(page):
    page.open().unfold()
    text = page.run("return document.querySelector('#claim-1').innerText")
    for wanted in (
        "C = 2 [1, 3]",
        "Fitted exponents: 2, the largest upper end +0.120",
        "isotropic; upper bound",
        "−0.030 [−0.060, +0.010]",
        "+0.020 [−0.040, +0.120]",
        "Bands and bars: ",
        "noise-geometry verify 3.3 --profile quick --seed 0",
    ):
        assert wanted in text, wanted
    assert "Fitted exponents" not in page.run("return document.querySelector('#claim-6').innerText")


def names(nodes: list[dict[str, Any]], roles: set[str]) -> list[str]:
    """List the names that the browser gives to things of some roles."""
    shown = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    return [node.get("name", {}).get("value", "") for node in shown]


def test_what_can_be_used_has_a_name(page):
    page.open().unfold()
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    for roles in ({"link"}, {"button", "DisclosureTriangle"}, {"region"}, {"heading"}, {"image", "img"}):
        found = names(nodes, roles)
        assert found and all(name.strip() for name in found), roles
