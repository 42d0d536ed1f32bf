"""The campaign on the coverage of the explicit interval, on small designs and few draws."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import simulate
import theory

PATH = Path(__file__).parents[1] / "campaigns" / "explicit_coverage.py"
DRAWS = 60


@pytest.fixture(scope="module")
def campaign():
    specification = importlib.util.spec_from_file_location("explicit_coverage", PATH)
    module = importlib.util.module_from_spec(specification)
    # Type hints of its classes look their module up.
    sys.modules["explicit_coverage"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["explicit_coverage"]


@pytest.fixture(scope="module")
def small(campaign):
    return (
        campaign.Design("isotropic", 120, simulate.isotropic(100)),
        campaign.Design("spiked", 200, simulate.spiked(600, 10, 3.0)),
    )


def test_the_campaign_holds_on_small_designs(campaign, small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(campaign, "DESIGNS", small)
    assert campaign.main(["--draws", str(DRAWS), "--out", str(tmp_path / "explicit")]) == 0
    assert "every interval holds and every control is refuted" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "explicit" / "coverage.csv")
    assert len(table) == 6
    assert (table.draws == DRAWS).all()
    summary = json.loads((tmp_path / "explicit" / "summary.json").read_text())
    assert summary["as_expected"] is True
    for row in summary["rows"]:
        is_control = row["interval"].startswith("control")
        assert row["delta refuted"] == is_control
        if not is_control:
            interval = theory.explicit_bounds(
                "3.3",
                n=row["n"],
                spectrum=next(one.spectrum for one in small if one.name == row["design"]),
                delta=0.05,
                method=row["interval"],
            )
            assert (row["lower"], row["upper"]) == interval[:2]
            assert not interval.vacuous
            assert row["width ratio, 50 %"] > 1


def test_an_interval_that_fails_is_seen(campaign, small):
    design = small[1]
    extremes = campaign.observed(design, 25, 0)
    wrong = 1 + 4 * (extremes - 1)
    rows = campaign.coverage(design, wrong)
    assert rows[0]["failures"] > 12
    assert rows[0]["delta refuted"]
    assert not campaign.as_expected(rows)
    # A control that survives is no control.
    assert not campaign.as_expected(campaign.coverage(design, 1 + (extremes - 1) / 10))
    assert not campaign.as_expected([])


def test_what_is_observed_is_exact(campaign, small):
    design = small[0]
    found = campaign.observed(design, 2, 5)
    stream = campaign.streams.generator(5, "coverage", (120, 100, "isotropic"), 1)
    X = simulate.gaussian_inputs(120, design.spectrum, stream)
    sums = ((X @ X.T) ** 2).sum(axis=1)
    assert found[1] == pytest.approx(np.array([sums.min(), sums.max()]) / sums.mean())
