"""Certificates: what the theorems promise for a design, what is seen on draws of it, and the command that prints it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import simulate
import theory
import verify
from simulate import streams
from verify import certificate_observing, certificates, cli
from verify.certificates import THEOREMS, Entry
from verify.errors import VerifyError


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


def entry(made: verify.Certificate, id: str) -> Entry:
    return next(one for one in made.entries if one.id == id)


@pytest.fixture(scope="module")
def small() -> verify.Certificate:
    """Five thousand samples in four dimensions: nothing is skipped."""
    return verify.certificate(300, [2.0, 1.0, 1.0], 0.5, 0.05, directions=2, slope=0.8, draws=2, seed=3)


def test_it_says_what_the_theorems_say(small):
    assert [one.id for one in small.entries] == list(THEOREMS)
    spectrum = [2.0, 1.0, 1.0]
    for id, slopes in (("3.3", {}), ("3.5", {"alpha": 0.8, "beta": 1.0})):
        assert entry(small, id).explicit == theory.explicit_bounds(id, n=300, spectrum=spectrum, delta=0.05, **slopes)
        assert entry(small, id).interval == theory.statement(id).bounds(eps=0.5, **slopes)
    assert entry(small, "4.2").explicit is None
    assert small.d_eff == simulate.effective_dimension(spectrum)
    conditions = entry(small, "3.3").proved.conditions
    assert [one.quantity for one in conditions] == ["n", "d_eff"]
    asked = float(theory.statement("3.3").evaluate("sample_size", eps=0.5, delta=0.05, n=300)[0])
    assert conditions[0].asks == pytest.approx(conditions[0].constant * asked)
    assert conditions[0].has == 300
    assert not conditions[0].met


def test_what_is_seen_are_exact_extremes_over_the_draws(small):
    draws = [
        simulate.gaussian_inputs(300, [2.0, 1.0, 1.0], streams.generator(3, "certificate", (300, 3), trial))
        for trial in range(2)
    ]
    sums = [((X @ X.T) ** 2).sum(axis=1) for X in draws]
    low, high = min(a.min() / a.mean() for a in sums), max(a.max() / a.mean() for a in sums)
    assert entry(small, "3.3").observed.found == pytest.approx((low, high))
    assert entry(small, "3.5").observed.certified == pytest.approx((low * 0.8**4, high / 0.8**4))
    along = [simulate.directional_alignment_range(X, v) for X in draws for v in np.eye(3)[:2]]
    expected = (min(one.inf for one in along), max(one.sup for one in along))
    assert entry(small, "4.3").observed.found == pytest.approx(expected)
    uniform = entry(small, "4.2").observed
    assert uniform.certified[0] <= uniform.found[0] <= expected[0]
    assert expected[1] <= uniform.found[1] <= uniform.certified[1] * (1 + 1e-9)
    assert entry(small, "3.2").observed.found == uniform.found


def test_an_explicit_interval_within_the_bounds_is_a_guarantee():
    made = verify.certificate(1000, np.ones(1000), 0.5, 0.05, draws=0)
    theorem = entry(made, "3.3")
    assert (theorem.applies, theorem.guaranteed_by) == (False, "explicit bounds")
    assert theorem.explicit_n == theory.statement("3.3").required_n(eps=0.5, delta=0.05, spectrum=np.ones(1000))
    assert entry(verify.certificate(1000, np.ones(1000), 0.4, 0.05, draws=0), "3.3").guaranteed_by == ""
    assert entry(verify.certificate(1000, np.ones(20), 0.4, 0.05, draws=0), "3.3").explicit_n is None


def test_conditions_that_are_met_are_a_guarantee():
    n, d, eps, delta = 10**6, 10**6, 0.5, 0.05
    theorem = theory.statement("3.3")
    needed = theorem.required_n(constant="explicit", eps=eps, delta=delta)
    assert needed < n
    made = verify.certificate(n, np.ones(d), eps, delta, draws=2)
    assert (entry(made, "3.3").applies, entry(made, "3.3").guaranteed_by) == (True, "conditions")
    assert entry(made, "3.3").proved.fewest == needed
    assert all(one.observed.about.startswith("skipped") and one.observed.draws == 0 for one in made.entries)


def test_a_theorem_beyond_its_accuracy_says_nothing():
    made = verify.certificate(100, np.ones(2), 0.7, 0.05, draws=0)
    assert entry(made, "4.2").note == "stated for ε up to 0.5"
    assert (entry(made, "4.2").applies, entry(made, "4.2").guaranteed_by) == (False, "")
    assert entry(made, "3.3").note == ""


def test_more_directions_than_samples_leave_everything_possible():
    made = verify.certificate(6, np.ones(9), 0.5, 0.05, draws=1)
    X = simulate.gaussian_inputs(6, np.ones(9), streams.generator(0, "certificate", (6, 9), 0))
    found = simulate.uniform_alignment_range(X)
    assert entry(made, "4.2").observed.found == (found.inf_certified, found.sup_certified) == (0.0, 6.0)


def test_what_costs_too_much_is_skipped_and_said(monkeypatch):
    monkeypatch.setattr(certificate_observing, "UNIFORM_OPERATIONS", 10)
    made = verify.certificate(40, np.ones(3), 0.5, 0.05, draws=1)
    assert entry(made, "4.2").observed.found is None
    assert "skipped: n (d(d + 1)/2)² = 1.44e+03 exceeds 10" in entry(made, "4.2").observed.about
    assert entry(made, "3.3").observed.found is not None
    assert "skipped" in made.text()


@pytest.fixture
def run_folder(tmp_path):
    """A folder of a run with fitted constants."""
    fit = {"estimate": 1.5, "low": 1.0, "high": 2.0}
    by_eps = [{"eps": 0.5, "high": None, "estimate": 3.0}, {"eps": 0.25, "high": 9.0, "estimate": 5.0}]

    def claim(id: str, constant, state: str = "holds") -> dict:
        fields = {"id": id, "title": "", "kind": "theorem", "state": state, "basis": "exact", "summary": ""}
        fields |= {"constant": constant, "witness": None, "evidence": [], "altered": False, "change_note": ""}
        return fields | {"seconds": 0.0, "statement": None, "controls": [], "command": ""}

    from verify.store import SCHEMA

    claims = [claim("3.3", fit), claim("4.3", by_eps[0] | {"by_eps": by_eps}), claim("4.2", fit, "violated")]
    run = {"schema": SCHEMA, "profile": "quick", "seed": 0, "command": "", "started": "", "seconds": 1.0}
    run |= {"interrupted": False, "claims": claims, "environment": {}}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run))
    return str(path)


def test_fitted_constants_are_tried_and_promise_nothing(run_folder):
    made = verify.certificate(1000, np.ones(500), 0.5, 0.05, draws=0, results=run_folder)
    theorem = entry(made, "3.3")
    assert {one.constant for one in theorem.fitted.conditions} == {2.0}
    assert theorem.fitted.met and not theorem.applies
    assert {one.constant for one in entry(made, "4.3").fitted.conditions} == {3.0}
    assert entry(made, "4.2").fitted is None
    assert "a fit is no proof" in made.text()
    # The constant may depend on ε: that of the largest ε below counts.
    at = {
        eps: entry(verify.certificate(50, np.ones(5), eps, 0.05, draws=0, results=run_folder), "4.3").fitted
        for eps in (0.4, 0.1)
    }
    assert {one.constant for one in at[0.4].conditions} == {9.0}
    assert at[0.1] is None


def test_json_and_text_agree(small):
    described = json.loads(small.to_json())
    assert described == small.to_dict()
    assert [one["id"] for one in described["theorems"]] == list(THEOREMS)
    text = small.text(width=140)
    for one in small.entries:
        assert f"\n{one.id}: " in text
    assert text.rstrip().splitlines()[-1].startswith("certificate: bounds at ε = 0.5 guaranteed: none; ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 1}, "n: expected an integer of at least 2, got 1"),
        ({"n": 2.5}, "n: expected an integer"),
        ({"spectrum": [1.0, -1.0]}, "spectrum: expected positive"),
        ({"eps": 1.0}, "eps: expected a number strictly between 0 and 1"),
        ({"delta": 0.0}, "delta: expected a number strictly between 0 and 1"),
        ({"directions": 4}, "directions: expected at most d = 3, got 4"),
        ({"directions": True}, "directions: expected an integer"),
        ({"slope": 1.5}, "slope: expected a number from 0 to 1"),
        ({"draws": -1}, "draws: expected an integer of at least 0"),
        ({"seed": -1}, "seed: expected"),
        ({"results": "nowhere"}, "results: expected a run's folder, got 'nowhere'"),
    ],
)
def test_refusals(changes, message):
    arguments = {"n": 10, "spectrum": [1.0] * 3, "eps": 0.5, "delta": 0.1, "draws": 0} | changes
    with pytest.raises((VerifyError, theory.StatementError)) as refusal:
        verify.certificate(**arguments)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_command_prints_a_table_json_or_a_line(command, tmp_path):
    arguments = ("certificate", "--n", "60", "--spectrum", "power-law", "--d", "2", "--draws", "1")
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert "bounds at ε = 0.5" in out and "\n3.3: " in out
    code, out, err = command(*arguments, "--json")
    described = json.loads(out)
    made = verify.certificate(60, simulate.power_law(2, 0.5), 0.5, 0.05, draws=1)
    assert (code, described) == (0, made.to_dict())
    code, out, _ = command(*arguments, "--quiet")
    assert (code, out.count("\n")) == (0, 1)


def test_the_command_reads_eigenvalues(command, tmp_path):
    (tmp_path / "eigenvalues.txt").write_text("2, 1\n0.5\n")
    code, out, _ = command("certificate", "--n", "20", "--spectrum", "eigenvalues.txt", "--draws", "0", "--json")
    assert code == 0
    assert json.loads(out)["d_eff"] == pytest.approx(1 + 0.25 + 0.0625)
    (tmp_path / "wrong.txt").write_text("1\nnan\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for name, said in (("wrong.txt", "got 'nan' as 2."), ("empty.txt", "empty"), ("binary.txt", "which is no text")):
        code, out, err = command("certificate", "--n", "20", "--spectrum", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--d", "3"), "--n"),
        (("--n", "10"), "d: expected the dimension of the isotropic spectrum, got none"),
        (("--n", "ten", "--d", "3"), "n: expected an integer, got 'ten'"),
        (("--n", "10", "--d", "0"), "d: expected an integer >= 1"),
        (("--n", "10", "--d", "3", "--spectrum", "flat"), "got 'flat', which is neither"),
        (("--n", "10", "--d", "3", "--spectrum", "a" * 300), "which"),
        (("--n", "10", "--d", "3", "--eps", "2"), "eps: expected a number strictly between 0 and 1, got 2.0"),
        (("--n", "10", "--d", "3", "--delta", "nan"), "delta: expected a finite number, got 'nan'"),
        (("--n", "10", "--d", "3", "--spectrum", "spiked", "--spikes", "9"), "spikes: expected"),
        (("--n", "10", "--d", "3", "--spectrum", "power-law", "--exponent", "1e9"), "exponent: expected"),
    ],
)
def test_the_command_refuses_in_one_line(command, arguments, message):
    code, out, err = command("certificate", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_help_has_examples(command):
    code, out, _ = command("certificate", "--help")
    assert code == 0
    assert out.count("noise-geometry certificate --n") == 4


def test_a_slow_call_tells_how_far_it_is():
    told = []
    verify.certificate(50, np.ones(2), 0.5, 0.05, draws=2, progress=lambda *news: told.append(news))
    fractions = [fraction for _, fraction, _ in told]
    assert fractions == sorted(fractions)
    assert any("draw 2 of 2" in text for _, _, text in told)


def test_infinite_ends_become_null():
    made = verify.certificate(50, np.ones(2), 0.5, 0.05, draws=1, slope=0.0)
    network = entry(made, "3.5")
    assert (network.interval, network.explicit.upper) == ((0.0, math.inf), math.inf)
    described = next(one for one in made.to_dict()["theorems"] if one["id"] == "3.5")
    assert described["interval"] == [0.0, None]
    assert described["explicit"]["vacuous"]
    assert made.to_dict()["schema"] == certificates.SCHEMA
