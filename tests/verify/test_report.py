"""The reports: a page that stands alone and says everything, a table that fits, words that are right."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import fake_claims
import numpy as np
import pytest

import theory
from verify.report import figures, html, statement, terminal
from verify.running import Outcome, RunResult
from verify.verdict import Plot, State

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "<script>alert('1')</script> & \"more\" [bold]x[/bold]"


def make_result(*outcomes: Outcome, **changes: object) -> RunResult:
    environment = {
        "program": "0.1.0",
        "python": "CPython 3.11.7",
        "platform": "Linux",
        "processor": "some CPU",
        "cpus": 2,
        "packages": {"numpy": "2.4.6"},
        "blas": [{"user_api": "blas", "internal_api": "openblas", "num_threads": 2}],
        "variables": {"OPENBLAS_CORETYPE": "Haswell"},
    }
    fields = {
        "outcomes": outcomes,
        "profile": "quick",
        "seed": 0,
        "folder": Path("results/x"),
        "command": "noise-geometry verify 3.3",
        "environment": environment,
        "started": "2026-11-23T12:00:00+00:00",
        "seconds": 12.3,
    }
    return RunResult(**{**fields, **changes})


def outcome(
    claim: str = "3.3", state: State = State.HOLDS, control: State = State.VIOLATED, **changes: object
) -> Outcome:
    if claim == "digits":
        return Outcome(
            fake_claims.verdict(claim, State.OBSERVED, constant=None, **changes), (), "noise-geometry verify digits"
        )
    held = theory.statement(claim.rstrip("*"))
    verdict = fake_claims.verdict(claim, state, statement=held.to_dict(), **changes)
    controls = tuple(fake_claims.verdict(c.id, control, change_note=c.reason, plots=()) for c in held.controls)
    return Outcome(verdict, controls, f"noise-geometry verify {claim} --profile quick --seed 0", held.latex())


ALTERED = {"altered": True, "change_note": "upper: (3 + eps)/(1 - eps)**2 → (2 + eps)/(1 - eps)**2"}


@pytest.fixture(scope="module")
def result() -> RunResult:
    refuted = outcome("4.3*", State.VIOLATED, **ALTERED)
    return make_result(
        outcome("C.1"), outcome("3.3"), refuted, outcome("digits"), outcome("C.2", title=HOSTILE, summary=HOSTILE)
    )


@pytest.fixture(scope="module")
def page(result) -> str:
    return html.render(result)


class Outline(HTMLParser):
    """Checks that tags are balanced, and collects what matters."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text.append(data)


@pytest.fixture(scope="module")
def outline(page) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    parsed.close()
    return parsed


def test_the_page_is_well_formed(page, outline):
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    headings = [int(tag[1]) for tag, _ in outline.seen if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_every_reference_within_the_page_leads_somewhere(page, outline):
    targets = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", page))
    targets |= {word for _, attributes in outline.seen for word in (attributes.get("aria-labelledby") or "").split()}
    assert targets <= set(outline.ids)
    assert {"claim-1", "claim-5", "verdicts"} <= targets


def test_the_page_loads_nothing(page, outline):
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"@import|url\((?!#)|\bsrc=|<iframe|<object|<embed", page)
    loads = [attributes for tag, attributes in outline.seen if tag == "link"]
    assert [attributes["href"] for attributes in loads] == ["data:,"]
    links = [attributes.get("href") for tag, attributes in outline.seen if tag in {"a", "use"}]
    assert all(link and link.startswith("#") for link in links)


def test_a_browser_may_run_our_script_only(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    # The browser reads line ends as \n, whatever they are in the file, and hashes that.
    assert "\r" not in script
    assert not re.search(
        r"fetch|XMLHttp|import|innerHTML|eval|<", script.replace("=> {", "").replace(".length < 2", "")
    )


def test_the_page_says_everything(result, outline):
    text = " ".join(" ".join(outline.text).split())
    for each in result.outcomes:
        for wanted in (each.verdict.claim, each.verdict.title, each.verdict.summary, each.command):
            assert " ".join(wanted.split()) in text, wanted
        for control in each.controls:
            assert control.claim in text
        for evidence in each.verdict.evidence:
            assert evidence.finding in text
    for wanted in (
        f"5 claims — 1 violated, 3 hold, 1 observed; {len(result.controls)} of {len(result.controls)} controls refuted",
        "1 − ε ≤ μ(θ) ≤ 1 + ε",
        "n ≥ C · log(n/δ)/ε²",
        "E[(u·x)²(v·x)²] = 2·(uᵀSv)²",
        "[D] derived again and checked numerically",
        "[R] reconstructed",
        "sample size [R]",
        "C = 1.93 [1.5, ∞)",
        "smallest C that serves",
        "Altered by the user: upper: (3 + eps)",
        '"seed": 3',
        r"\varepsilon",
        "OPENBLAS_CORETYPE=Haswell",
        "numpy 2.4.6",
    ):
        assert wanted in text, wanted


def test_figures_are_described_for_those_who_cannot_see_them(page, outline):
    drawings = [attributes for tag, attributes in outline.seen if tag == "svg" and attributes.get("class") == "plot"]
    assert len(drawings) == 10
    assert all(attributes["role"] == "img" and attributes["aria-labelledby"] for attributes in drawings)
    assert page.count("The observed quantile falls like the bound.</desc>") == 10
    decoration = [a for tag, a in outline.seen if tag == "svg" and a.get("class") != "plot"]
    assert decoration
    assert all(attributes["aria-hidden"] == "true" for attributes in decoration)
    scrolling = [a for tag, a in outline.seen if tag == "div" and a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and (a.get("aria-label") or a.get("aria-labelledby")) for a in scrolling)


def test_hostile_text_stays_text(page):
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def test_a_surviving_control_is_in_the_open():
    count = len(theory.statement("3.3").controls)
    page = html.render(make_result(outcome("3.3", control=State.HOLDS)))
    assert f"<details open>\n<summary>Controls: 0/{count} refuted" in page
    assert "✗ holds" in page
    assert f"0 of {count} controls refuted" in page


def test_an_empty_interrupted_run_has_a_page():
    page = html.render(make_result(interrupted=True))
    assert "This run was interrupted" in page
    assert "No claim was judged." in page


def test_the_same_run_gives_the_same_page(result, page):
    assert html.render(result) == page


def test_contrast_is_enough_in_both_themes():
    css = Path(html.__file__).with_name("templates").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    )
    assert light.keys() == dark.keys()
    for theme in (light, dark):
        for ink in ("ink", "soft", "link"):
            for ground in ("paper", "panel"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        for state in ("good", "bad", "open", "calm"):
            assert contrast(theme[state], theme[f"{state}-back"]) >= 4.5, state
        for number in range(1, 7):
            assert contrast(theme[f"series-{number}"], theme["paper"]) >= 3, number


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


PLOTS = [
    Plot("empty", "a", "x", "y", []),
    Plot("nothing to draw", "a", "x", "y", [{"label": "q", "x": [0, -1, np.nan], "y": [None, 1, 2]}]),
    Plot("one point", "a", "x", "y", [{"label": "q", "x": [3], "y": [2], "style": "points", "low": [1], "high": [4]}]),
    Plot("a constant bound", "a", "x", "y", [{"label": "q", "x": [1, 2, 3], "y": 3, "style": "bound"}], False, False),
    Plot("endless values", "a", "x", "y", [{"label": "q", "x": [1, 2, 3], "y": [1, np.inf, 3]}], True, False),
    Plot("one value", "a", "x", "y", [{"label": "q", "x": [1, 10, 100], "y": [1, 1, 1]}]),
    Plot("huge and tiny", "a", "x", "y", [{"label": "q", "x": [1, 1e9], "y": [1e-12, 1e300]}]),
    Plot("$x$ <b> & 100 %", "a & <b>", "$n_1$ & <i>", "β", [{"label": "<q>", "x": [1, 2], "y": [1, 2]}] * 9),
]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.title)
def test_any_plot_becomes_one_clean_drawing(plot):
    drawing = figures.svg(plot, "f1")
    root = ElementTree.fromstring(drawing)
    assert root.tag == "svg"
    texts = ["".join(element.itertext()) for element in root.iter() if element.tag in {"title", "desc", "text"}]
    assert texts[:2] == [plot.title, plot.alt]
    assert plot.x_label in texts
    assert "no data" in texts if plot.title in {"empty", "nothing to draw"} else "no data" not in texts
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(identifier.startswith("f1-") for identifier in ids)
    assert not re.search(r"http|<style|<metadata|#0[0-9a]0[0-9]0|nan|NaN|inf", drawing)
    assert figures.svg(plot, "f1") == drawing


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_the_table_fits(result, width):
    text = terminal.render(result, io.StringIO(), width)
    table = text.split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= width
    for each in result.outcomes:
        assert each.verdict.claim in table
        assert str(each.verdict.state) in table
    assert not re.search(r"\x1b| $", text, re.M)
    assert HOSTILE[:20] in " ".join(text.split())


def test_the_text_says_what_matters(result):
    text = terminal.render(result, io.StringIO(), 200)
    assert "✗ violated" in text
    assert f"{len(result.outcomes[1].controls)}/{len(result.outcomes[1].controls)} refuted" in text
    assert 'witness: {"seed": 3' in text
    assert "altered: upper: (3 + eps)" in text
    count = len(result.controls)
    assert text.splitlines()[-1] == (
        f"verify: 5 claims — 1 violated, 3 hold, 1 observed; {count} of {count} controls refuted; "
        "report results/x/report.html"
    )


def test_a_terminal_gets_colours_and_a_pipe_does_not(result, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in terminal.render(result, Terminal(), 100)
    assert "\x1b[" not in terminal.render(result, io.StringIO(), 100)


def test_a_surviving_control_is_named():
    text = terminal.render(make_result(outcome("3.3", control=State.INCONCLUSIVE)), io.StringIO())
    assert "control 3.3:no-dimension survived (inconclusive)" in text


def test_a_statement_has_a_page_of_its_own():
    held = theory.statement("3.3")
    text = statement.page(held, held.proof.run())
    for wanted in (
        "Theorem 3.3",
        "1 − ε ≤ μ(θ) ≤ 1 + ε",
        "sample_size [R]",
        "eps: ε",
        "3.3:no-dimension",
        "Rests on: C.4",
        "   1. proved: ",
        "from step ",
        "Constants: C = 1620",
    ):
        assert wanted in text, wanted
    assert max(map(len, text.splitlines())) <= 100
    altered = statement.page(held.replace(upper=2), [])
    assert "Proof" not in altered
