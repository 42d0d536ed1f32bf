"""Claims about networks on CIFAR-10: on digits and false images in place of it, and what is said without it."""

from __future__ import annotations

import json
import os

import fake_cifar
import numpy as np
import pandas as pd
import pytest

import simulate
from simulate import networks
from verify import claims, cli, completion, image_networks, network_escape, telling, worker_processes
from verify.claims import cifar_alignment, cifar_escape
from verify.claims._context import Context
from verify.image_networks import END, MIDDLE, START, Recipe
from verify.network_escape import BATCHED, DESCENT, METHODS, SGD, Escape
from verify.trainable import Request
from verify.verdict import State

ESCAPE = Escape(ks=(1, 3), steps=12, replicas=2)


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Compute on one thread, as claims do."""
    with worker_processes.one_blas_thread():
        yield


def recipes(data: str, classes: str, samples: int) -> tuple[Recipe, ...]:
    """Tiny networks that are hardly trained."""
    sizes = (("fnn", 8, 0.05), ("cnn", 2, 0.01))
    return tuple(
        Recipe(Request(name, data, classes, samples, width, lr=lr, batch=8), epochs=12, middle=0.3, until=0.02)
        for name, width, lr in sizes
    )


def context() -> Context:
    """A quick run in this process."""
    return Context("quick", 3, lambda function, items, long=False: [function(item) for item in items], lambda *_: None)


@pytest.fixture(scope="module")
def alignment():
    """Judge alignment on digits."""
    with pytest.MonkeyPatch.context() as patch:
        tiny = cifar_alignment.Settings(recipes("digits", "parity", 32), 2)
        patch.setitem(cifar_alignment.PROFILES, "quick", tiny)
        return *cifar_alignment.judge(context()), tiny


@pytest.fixture(scope="module")
def escape():
    """Judge escape on digits."""
    with pytest.MonkeyPatch.context() as patch:
        tiny = cifar_escape.Settings(recipes("digits", "parity", 32), ESCAPE)
        patch.setitem(cifar_escape.PROFILES, "quick", tiny)
        return *cifar_escape.judge(context()), tiny


def test_they_are_judged_on_request_alone():
    asked = ["cifar-alignment", "cifar-escape"]
    assert [one for one in claims.known_ids() if one not in claims.claim_ids()] == asked
    assert completion.claims() == claims.known_ids()


@pytest.mark.parametrize("claim", claims.ON_REQUEST)
def test_without_the_images_it_is_one_line_and_nothing_is_made(claim, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main(["verify", "C.1", claim])
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.endswith("expected a file of 30730000 bytes, got none; get it with: noise-geometry data cifar10\n")
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_them(capsys):
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert all(claim in words for claim in claims.ON_REQUEST)


def test_the_command_judges_them_on_images_of_that_form(tmp_path, monkeypatch, capsys):
    fake_cifar.install(monkeypatch, "", b"", b"")
    folder = tmp_path / simulate.cifar.RELEASE.folder
    folder.mkdir()
    for name, content in fake_cifar.records().items():
        (folder / name).write_bytes(content.tobytes())
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", str(tmp_path))
    (fnn, _), tiny = recipes("cifar10", "0,1", 16), Escape(ks=(1, 3), steps=3, replicas=1)
    fnn = fnn._replace(request=Request("fnn", "cifar10", "0,1", 16, 4, 1 / 6, 0.01, 8), epochs=2)
    monkeypatch.setitem(cifar_alignment.PROFILES, "quick", cifar_alignment.Settings((fnn,), 1))
    monkeypatch.setitem(cifar_escape.PROFILES, "quick", cifar_escape.Settings((fnn,), tiny))
    with pytest.raises(SystemExit) as left:
        cli.main(["verify", *claims.ON_REQUEST, "--out", str(tmp_path / "out"), "--workers", "1", "--json"])
    assert left.value.code == 0
    found = json.loads(capsys.readouterr().out)["claims"]
    assert [(one["id"], one["kind"], one["state"]) for one in found] == [
        (claim, "observation", "observed") for claim in claims.ON_REQUEST
    ]
    assert "16 images of CIFAR-10 (airplane, automobile)" in found[0]["summary"]
    assert 0 <= found[0]["evidence"][0]["figures"]["test_accuracy"][0] <= 1


def test_alignment_is_that_of_the_definition(alignment):
    verdict, table, settings = alignment
    assert (verdict.state, verdict.kind, len(verdict.evidence)) == (State.OBSERVED, "observation", 3)
    assert "beyond the theorems" in verdict.summary.lower()
    assert list(table["stage"].unique()) == [START, MIDDLE, END]
    recipe = image_networks.seeded(settings.recipes[0], 3, 1)
    trained = image_networks.train(recipe)
    network, X, y = image_networks.problem(recipe, np.float64)
    for moment in trained.moments:
        J, r = network.jacobian(moment.theta.astype(float), X), network.predict(moment.theta.astype(float), X) - y
        G, noise = J.T @ J / len(y), J.T @ np.diag(r**2) @ J / len(y)
        rows = table[(table["network"] == "fnn") & (table["training"] == 1) & (table["stage"] == moment.stage)]
        assert rows["loss_alignment"].iloc[0] == pytest.approx(
            np.sum(noise * G) / (np.mean(r**2) * np.sum(G**2)), rel=1e-7
        )
        np.testing.assert_allclose(rows["eigenvalue"][:5], np.linalg.eigvalsh(G)[::-1][:5], rtol=1e-7)


def test_flat_directions_are_listed_but_not_summarised(alignment):
    verdict, table, _ = alignment
    part = table[(table["network"] == "cnn") & (table["stage"] == END)]
    kept = part[part["eigenvalue"] >= 1e-3 * part.groupby("training")["eigenvalue"].transform("max")]
    assert 0 < len(kept) < len(part)
    figures = verdict.evidence[1].figures[END]
    assert figures["directions"] == len(kept)
    assert figures["g_largest"] == pytest.approx(kept["directional_alignment"].max())
    assert figures["g_median"] == pytest.approx(kept["directional_alignment"].median())
    assert figures["share_within_population_range"] == np.mean(kept["directional_alignment"].between(1, 3))


def test_the_linear_model_has_its_range(alignment):
    verdict, _, _ = alignment
    X, _ = simulate.digits(n=32, seed=3)
    K = X @ X.T
    a = (K * K).sum(axis=1)
    figures, inf_sup = verdict.evidence[-1].figures, simulate.loss_alignment_range(X)[:2]
    assert (figures["inf"], figures["sup"]) == pytest.approx(inf_sup)
    assert a.min() / a.mean() * (1 - 1e-9) <= figures["inf"] <= figures["sup"] <= a.max() / a.mean() * (1 + 1e-9)


def test_escape_is_that_of_plain_steps(escape):
    verdict, table, settings = escape
    assert (verdict.state, verdict.kind, len(verdict.evidence)) == (State.OBSERVED, "observation", 6)
    recipe = image_networks.seeded(settings.recipes[0], 3)
    trained = image_networks.train(recipe)
    network, X, y = image_networks.problem(recipe, np.float64)
    star = trained.end.astype(float)
    J = network.jacobian(star, X)
    values = np.linalg.eigvalsh(J @ J.T / len(y))
    rows = table[(table["network"] == "fnn") & (table["method"] == DESCENT) & (table["path"] == 0)]
    sharpest = networks.top_eigenpairs(network, star, X, y, 1, "hessian").eigenvalues[0]
    assert rows["learning_rate"].iloc[0] == pytest.approx(2.2 / sharpest, rel=1e-3)
    slow = table[(table["network"] == "fnn") & (table["method"] == SGD)]
    assert slow["learning_rate"].iloc[0] == pytest.approx(1.5 / np.linalg.norm(values), rel=1e-5)
    energy = rows["sharp_1"] + rows["rest_1"]
    np.testing.assert_allclose(energy, rows["sharp_3"] + rows["rest_3"], rtol=1e-3)
    assert energy.iloc[0] == pytest.approx(ESCAPE.perturbation**2, rel=1e-2)
    assert set(table["method"]) == set(METHODS)
    assert (table.groupby(["network", "method", "path"]).size() == ESCAPE.steps + 1).all()


def test_escape_tells_how_far_it_is():
    heard: list[float] = []
    trained = image_networks.train(image_networks.seeded(recipes("digits", "parity", 32)[0], 3))
    with telling.heard_by(heard.append):
        network_escape.follow(ESCAPE, trained)
    assert heard == sorted(heard)
    assert len(set(heard)) >= 3 * ESCAPE.replicas
    assert (heard[0] < 0.1, heard[-1]) == (True, 1.0)


def test_gradient_descent_leaves_an_exact_minimum_along_the_sharpest_direction():
    rows = []
    for method, growth in ((DESCENT, (4.0, 1.0)), (SGD, (1.0, 4.0)), (BATCHED, (1.0, 1.0))):
        for step in range(6):
            sharp, rest = (1e-6 * g**step for g in growth)
            rows.append({
                "network": "fnn", "method": method, "path": 0, "step": step, "loss": 1e-6 * max(growth) ** step,
                "loss_at_minimum": 1e-6, "sharp_1": sharp, "rest_1": rest,
            })  # fmt: skip
    left = network_escape.leaving(pd.DataFrame(rows)).set_index("method")
    assert list(left.index) == [DESCENT, SGD]
    assert (left["step"] == 3).all()
    assert left["share_1"].tolist() == pytest.approx([64 / 65, 1 / 65])


def test_paths_beyond_all_bounds_have_not_left_within_them():
    table = pd.DataFrame({
        "network": "fnn", "method": SGD, "path": 0, "step": [0, 1], "loss": [1.0, np.inf], "loss_at_minimum": 1.0,
        "sharp_1": [0.0, np.inf], "rest_1": [1.0, np.inf],
    })  # fmt: skip
    assert network_escape.leaving(table).empty


@pytest.mark.skipif(not os.environ.get("NOISE_GEOMETRY_DATA"), reason="no CIFAR-10: NOISE_GEOMETRY_DATA is not set")
def test_noise_is_aligned_at_initialisation_on_real_images():
    recipe = Recipe(Request("fnn", "cifar10", "0,1", 100, 16, gain=1 / 6))
    found = image_networks.spectrum(image_networks.seeded(recipe, 0))
    assert 0.9 < found.mu < 1.1
    assert len(found.eigenvalues) == 100
