"""The handbook: what it says of every statement, as LaTeX that compiles and as HTML that is well-formed."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from handbook_book import as_claimed, made
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report import ALTERED, HOSTILE, Outline, make_result, outcome

import theory
from theory._graph import layered
from verify.progress import Silent, Told
from verify.report import handbook_html, handbook_latex, wording
from verify.report import statement as writing
from verify.report.handbook import Handbook, gather, inherited, own_standing
from verify.report.handbook_graph import layout

COMMANDS = set(
    " ".join((
        "documentclass usepackage newsavebox newcommand sbox ifdim wd linewidth resizebox usebox else fi",
        "setcounter renewcommand labelitemi sloppy title author date begin end maketitle tableofcontents section",
        "subsection paragraph label hyperref item textbf emph texttt ttfamily textwidth node draw hline",
        "noalign smallskip endhead",
        "raggedright arraybackslash displaystyle ensuremath text textbackslash textasciicircum textasciitilde",
        "textless textgreater textbar textasciigrave formulabox fitted statement frac tfrac sqrt left right bigl",
        "bigr log exp max min sup inf operatorname mathrm mathbb mathcal hat tilde bar sum prod int cdot times le",
        "ge leq geq ne neq in infty to pm approx sim equiv langle rangle lceil rceil lfloor rfloor top star circ",
        "surd quad ldots mid alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi",
        "rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Pi Sigma Phi Psi Omega nabla partial ell",
        "Vert cup cap subset forall exists Rightarrow succeq preceq dagger bullet S",
    )).split()
)
"""Commands of LaTeX, amsmath, amssymb, graphicx, TikZ and hyperref, and those that the preamble defines."""


@pytest.fixture(scope="module")
def book() -> Handbook:
    return made()


@pytest.fixture(scope="module")
def tex(book) -> str:
    return handbook_latex.document(book)


@pytest.fixture(scope="module")
def page(book) -> str:
    return handbook_html.document(book)


@pytest.fixture(scope="module")
def outline(page) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    parsed.close()
    return parsed


# What it says.


def test_every_statement_is_in_it_with_every_step(book, tex, outline):
    assert [entry.statement.id for entry in book.entries] == [statement.id for statement in theory.statements()]
    text = " ".join(" ".join(outline.text).split())
    for entry in book.entries:
        statement = entry.statement
        assert rf"\label{{st:{statement.id}}}" in tex
        assert f"{statement.kind.capitalize()} {statement.id}: {statement.title}" in text
        for wanted in (statement.summary, *statement.hypotheses, statement.source, *(c.id for c in statement.controls)):
            assert " ".join(wanted.split()) in text, wanted
        assert len(entry.steps) == (len(statement.proof.steps) if statement.proof else 0)
        for number, _ in enumerate(entry.steps, start=1):
            assert f"statement-{statement.id}-step-{number}" in outline.ids
    assert text.count("Proof: ") == sum(bool(entry.steps) for entry in book.entries)
    assert tex.count(r"\item") >= len(book.steps)


def test_groups_hold_every_statement_once(book):
    found = [entry.statement.id for _, entries in book.groups() for entry in entries]
    assert sorted(found) == sorted(entry.statement.id for entry in book.entries)
    assert {title for title, _ in book.groups()} <= {title for _, title in writing.GROUPS[:-1]}


def test_constants_of_a_proof_are_named(page, tex):
    assert r"Constants: $C = 1620$" in tex
    assert re.search(r"Constants, explicit in the proof: <math alttext=\"C = 1620\"", page)


def test_the_evidence_of_a_run_stands_beside_its_statement(book, tex, outline):
    entry = book.entry("3.3")
    (finding,) = entry.findings
    text = " ".join(" ".join(outline.text).split())
    assert finding.outcome.verdict.claim == "3.3" and finding.same
    assert finding.outcome.verdict.summary in text
    (line,) = wording.constant_lines(finding.outcome.verdict.constant)[:1]
    assert f"fitted: {line}" in text
    assert "Numerical evidence, profile full, seed 0" in text and r"\paragraph{Numerical evidence} (holds, basis" in tex
    assert finding.run.command in text
    assert "digits" not in {found.outcome.verdict.claim for each in book.entries for found in each.findings}


def test_verdicts_on_other_statements_are_told_apart():
    judged = outcome("3.3")
    earlier = outcome("C.4")
    earlier.verdict.statement.update(upper="2")
    run = make_result(judged, earlier, outcome("3.3*", **ALTERED), outcome("digits"))
    chosen = [theory.statement(id) for id in theory.graph().below("3.3").nodes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theory.Proof, "run", as_claimed)
        found = gather([run, run], chosen, Silent())
    assert [finding.same for finding in found.entry("3.3").findings] == [True, True]
    assert [finding.same for finding in found.entry("C.4").findings] == [False, False]
    assert "an earlier form of this statement" in handbook_html.document(found)


@pytest.mark.parametrize("statuses,remarks,standing", [
    (["proved", "proved"], [], "proved"),
    (["proved", "checked"], [], "checked"),
    (["cited", "proved", "checked"], [], "literature"),
    (["cited", "proved"], [0], "proved"),
    (["failed", "cited"], [0], "failed"),
    ([], [], "no proof"),
])  # fmt: skip
def test_a_proof_is_as_good_as_its_weakest_step(statuses, remarks, standing):
    fact = theory.statement("3.3").proof.steps[0].gives
    steps = [
        theory.StepResult("", theory.StepStatus(status), theory.StepStatus.PROVED, "", "", fact, (), number in remarks)
        for number, status in enumerate(statuses)
    ]
    assert own_standing(steps) == standing


@pytest.mark.parametrize("own,standing,through", [
    ({"a": "proved", "b": "proved", "c": "proved"}, "proved", ()),
    ({"a": "literature", "b": "proved", "c": "checked"}, "literature", ("a",)),
    ({"a": "no proof", "b": "proved", "c": "literature"}, "open", ("a",)),
    ({"a": "failed", "b": "failed", "c": "proved"}, "failed", ("a", "b")),
    ({"a": "failed", "b": "proved", "c": "no proof"}, "no proof", ()),
    ({"a": "literature", "b": "proved", "c": "literature"}, "literature", ()),
])  # fmt: skip
def test_a_statement_is_as_good_as_what_it_rests_on(own, standing, through):
    graph = layered({"a": [], "b": ["a"], "c": ["b"], "z": []})
    assert inherited("c", {**own, "z": "failed"}, graph) == (standing, through)


def test_a_failure_is_seen_everywhere(monkeypatch):
    failed = theory.StepStatus.FAILED

    def run(proof: theory.Proof) -> list[theory.StepResult]:
        first, *rest = as_claimed(proof)
        error = "went <wrong> & more"
        broken = theory.StepResult(first.title, failed, first.claimed, "", error, first.gives, first.uses, False)
        return [broken, *rest] if proof.origin.id == "C.4" else [first, *rest]

    monkeypatch.setattr(theory.Proof, "run", run)
    chosen = [theory.statement(id) for id in theory.graph().below("3.3").nodes]
    book = gather([], chosen, Silent())
    assert (book.exit_code, book.entry("C.4").standing, book.entry("3.3").standing) == (1, "failed", "failed")
    assert book.entry("3.3").through == ("C.4",)
    assert "1 failed" in book.summary()
    page = handbook_html.document(book)
    assert "went &lt;wrong&gt; &amp; more" in page and "went <wrong>" not in page
    assert r"went \ensuremath{<}wrong\ensuremath{>} \& more" in handbook_latex.document(book)


def test_who_waits_is_told(monkeypatch):
    monkeypatch.setattr(theory.Proof, "run", as_claimed)
    heard: list[tuple[str, float, str]] = []
    chosen = [theory.statement(id) for id in theory.graph().below("C.4").nodes]
    gather([], chosen, Told(lambda *news: heard.append(news)))
    assert [claim for claim, _, _ in heard] == [statement.id for statement in chosen]


# LaTeX.


def test_the_document_is_ascii_and_balanced(tex):
    assert tex.isascii()
    assert not re.search(r"U\+[0-9A-F]{4}", tex)
    body = re.sub(r"\\[\\{}$%&#_]", "", tex)
    depth = 0
    for character in body:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", tex):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    for paragraph in tex.split("\n"):
        assert len(re.findall(r"(?<!\\)\$", paragraph)) % 2 == 0, paragraph
    assert tex.count(r"\[") - tex.count(r"\\[") == tex.count(r"\]") - tex.count(r"\\]")


def test_every_command_is_known(tex):
    text = tex.replace(r"\\", " ")
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= COMMANDS


def test_every_link_leads_to_a_statement(tex):
    labels = set(re.findall(r"\\label\{st:([^}]*)\}", tex))
    links = set(re.findall(r"\\statement\{([^}#]*)\}", tex))
    assert links <= labels == {statement.id for statement in theory.statements()}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_it_compiles(tex, tmp_path):
    (tmp_path / "handbook.tex").write_text(tex, encoding="ascii")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "-draftmode", "handbook.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    log = (tmp_path / "handbook.log").read_text(errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Undefined control sequence" not in log and "Missing character" not in log


# HTML.


def test_the_page_is_well_formed(page, outline):
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    headings = [int(tag[1]) for tag, _ in outline.seen if re.fullmatch(r"h[1-6]", tag)]
    assert (headings[0], headings.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_every_reference_within_the_page_leads_somewhere(page, outline):
    targets = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", page))
    targets |= {word for _, attributes in outline.seen for word in (attributes.get("aria-labelledby") or "").split()}
    assert targets <= set(outline.ids)
    assert {"statement-3.3", "statement-3.3-step-1", "arrow"} <= targets


def test_the_page_loads_nothing(page, outline):
    assert "http://" not in page and "https://" not in page
    assert not re.search(r"@import|url\((?!#)|\bsrc=|<iframe|<object|<embed", page)
    links = [attributes.get("href") for tag, attributes in outline.seen if tag == "a"]
    assert all(link and link.startswith("#") for link in links)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy and "'unsafe-inline'" not in policy.split("script-src")[1]


def test_every_formula_is_mathml_with_words(book, page):
    formulas = re.findall(r"<math .*?</math>", page, re.S)
    assert len(formulas) > len(book.steps)
    for text in set(formulas):
        element = ElementTree.fromstring(text)
        assert element.attrib["alttext"].strip() and element.attrib["display"] in {"block", "inline"}
        written = "".join(element.itertext())
        assert written.strip() and "\\" not in written and "&" not in written, element.attrib["alttext"]
        assert {child.tag for child in element.iter()} <= {
            *(
                "math",
                "mrow",
                "mi",
                "mn",
                "mo",
                "mtext",
                "mspace",
                "mfrac",
                "msqrt",
                "msub",
                "msup",
                "msubsup",
                "mover",
            ),
            *("munder", "munderover", "mtable", "mtr", "mtd", "mstyle"),
        }


def test_a_formula_says_the_same_in_mathml():
    element = ElementTree.fromstring(handbook_html.mathml(r"\frac{1 - t}{\|a\|^{2}} \le \log\left(n\right)", "a < b"))
    assert element.attrib == {"alttext": "a < b", "display": "block"}
    assert "".join(element.itertext()) == "1−t‖a‖2≤log(n)"
    above, below = element.find(".//mfrac")
    assert ("".join(above.itertext()), "".join(below.itertext())) == ("1−t", "‖a‖2")
    spaced = handbook_html.mathml(r"\log \mathbb{E} x", "", display=False)
    assert '<mi>log</mi><mspace width="0.167em"/>' in spaced and 'display="inline"' in spaced


def test_the_drawing_links_every_statement(book, page):
    (drawing,) = re.findall(r"<svg class=\"graph\".*?</svg>", page, re.S)
    element = ElementTree.fromstring(drawing)
    placed = layout(book.graph)
    boxes = list(element.iter("a"))
    assert [each.attrib["href"] for each in boxes] == [f"#statement-{id}" for id in placed.places]
    assert all(each.attrib["aria-label"] and each.find("title").text == each.attrib["aria-label"] for each in boxes)
    edges = [each for each in element.iter("path") if each.attrib["class"] == "edge"]
    assert len(edges) == len(book.graph.edges)
    assert set(placed.alone) | set(placed.places) == set(book.graph.nodes)


def test_what_others_wrote_is_no_markup():
    hostile = outcome("3.3", summary=HOSTILE)
    chosen = [theory.statement(id) for id in theory.graph().below("3.3").nodes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theory.Proof, "run", as_claimed)
        found = gather([make_result(hostile)], chosen, Silent())
    assert "<script>alert" not in handbook_html.document(found)
    assert r"\textless{}script\textgreater{}" in handbook_latex.document(found)


# Where the boxes stand.


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Draw a graph without cycles."""
    below: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 10))):
        below[f"s{number}"] = draw(st.lists(st.sampled_from(sorted(below)), unique=True)) if below else []
    return below


@settings(max_examples=50, deadline=None)
@given(acyclic())
def test_boxes_and_lines_keep_clear_of_each_other(below):
    graph = layered(below)
    drawing = layout(graph)
    joined = {id for edge in graph.edges for id in edge}
    assert set(drawing.places) == joined and set(drawing.alone) == set(below) - joined
    taken = list(drawing.places.values())
    for (user, used), way in drawing.lines.items():
        assert way[0] == drawing.places[used] and way[-1] == drawing.places[user]
        assert [column for column, _ in way] == list(range(way[0][0], way[-1][0] + 1))
        taken += way[1:-1]
    # What stands in a column stands a whole row apart, a line that passes included.
    for column in range(drawing.columns):
        heights = sorted(height for other, height in taken if other == column)
        assert all(after - before >= 1 for before, after in pairwise(heights))
        assert all(0 <= height <= drawing.rows - 1 for height in heights)
    assert set(drawing.lines) == set(graph.edges)


def test_crossings_that_can_be_avoided_are():
    drawing = layout(layered({"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}))
    order = sorted(("x", "y", "z"), key=lambda id: drawing.places[id][1])
    below = [next(used for user, used in drawing.lines if user == id) for id in order]
    assert below == sorted(below, key=lambda id: drawing.places[id][1])
