"""Figures: files and numbers that can be trusted, the same for any number of workers; refusals in one line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
from tiny_figures import undrawn

import simulate
from simulate import streams
from verify import execution, figures
from verify.figures import directions, drawing, exponents, making, model_size, scaling_laws
from verify.figures.isolated_neuron import isolating_weights
from verify.figures.training import descend

IDS = [one.id for one in figures.FIGURES]


SEED = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make every figure once, tiny."""
    folder = tmp_path_factory.mktemp("figures")
    return {one: making.make(one, SEED, folder / one, workers=1, size="tiny") for one in IDS}


def dense_alignment(J: np.ndarray, r: np.ndarray, centred: bool = False) -> float:
    """Loss alignment by its definition, with p×p matrices."""
    n = len(r)
    G, gradient = J.T @ J / n, J.T @ r / n
    noise = J.T @ np.diag(r**2) @ J / n - centred * np.outer(gradient, gradient)
    return float(np.trace(noise @ G) / (r @ r / n * np.sum(G**2)))


@pytest.mark.parametrize("one", IDS)
def test_the_folder_holds_the_figure_its_numbers_and_a_true_manifest(made, one):
    result = made[one]
    names = {f"figure-{one}.{kind}" for kind in ("png", "svg", "csv")} | {"manifest.json"}
    if result.fits is not None:
        names.add(f"figure-{one}-fits.csv")
        pd.testing.assert_frame_equal(pd.read_csv(result.fits_csv), result.fits)
    assert {path.name for path in result.folder.iterdir()} == names
    assert result.png.read_bytes().startswith(b"\x89PNG\r\n")
    assert ET.fromstring(result.svg.read_text(encoding="utf-8")).tag.endswith("svg")
    stored = pd.read_csv(result.csv)
    pd.testing.assert_frame_equal(stored, result.table, check_dtype=False)
    manifest = json.loads(result.manifest.read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"
    assert (manifest["seed"], manifest["command"]) == (SEED, f"noise-geometry figure {one} --seed {SEED}")
    assert manifest["caption"] == result.caption
    assert manifest["environment"]["packages"]["numpy"] == np.__version__
    files = {
        name: hashlib.sha256((result.folder / name).read_bytes()).hexdigest() for name in names - {"manifest.json"}
    }
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == files


@pytest.mark.parametrize("one", IDS)
def test_the_drawing_has_its_legend_and_caption(made, one):
    text = made[one].svg.read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", " ".join(re.findall(r"<text[^>]*>([^<]*)", text)))
    assert " ".join(made[one].caption.split()[:8]) in words
    wanted = {
        "1": "Theorem 3.2 as ε → 0: [1, 3]",
        "2b": "linear models, n → ∞, Lemma C.2: [1, 3]",
        "2a": "Theorem 4.3 at ε = 0.3: [0.41, 6.73]",
        "3": "upper bound of Proposition 5.3",
        "4": "end of gradient flow",
        "5": "Lanczos on one subset of 20 images",
        "6": "along all other directions",
        "escape-rates": "c₁, escape by Theorem 5.2",
        "scaling-laws": "[1, 3]",
        "linearisation": "end of linearisation (10 %)",
    }
    assert wanted[one] in words


@pytest.fixture
def one_pool(monkeypatch, tmp_path):
    """Let every figure send its work to the same two workers: they take longer to start than a tiny figure."""
    monkeypatch.setenv("NOISE_GEOMETRY_TRAININGS", str(tmp_path / "trainings"))
    monkeypatch.setattr(execution, "WORK_WORTH_WORKERS", 0.0)
    with execution.Executor(2) as keeper:
        pool = keeper._start()
        used = []

        def start(executor):
            executor._channel = keeper._channel
            used.append(executor)
            return pool

        with monkeypatch.context() as patch:
            patch.setattr(execution.Executor, "_start", start)
            yield used


def test_any_number_of_workers_gives_the_same_bytes(made, tmp_path, monkeypatch, one_pool):
    monkeypatch.setattr(drawing, "png", lambda _: b"")
    # Trainings have tests of their own, and drawing is the same work wherever the numbers come from.
    for one in sorted(set(IDS) - {"2b", "5", "6"}):
        one_pool.clear()
        with contextlib.nullcontext() if one == "2a" else undrawn():
            again = making.make(one, SEED, tmp_path / one, workers=2, size="tiny")
        assert one_pool
        assert again.csv.read_bytes() == made[one].csv.read_bytes()
        assert one != "2a" or again.svg.read_bytes() == made[one].svg.read_bytes()
        if again.fits_csv:
            assert again.fits_csv.read_bytes() == made[one].fits_csv.read_bytes()


def test_the_layout_does_not_hang_on_rounding_errors():
    from matplotlib.lines import Line2D

    with drawing.styled():
        figure, axes = drawing.panels(2, 3, 9.0, 5.0)
        axes[0, 0].set_title("one panel is not like the others")
        drawing.finish(figure, "A caption.", [Line2D([], [], label="a line")], 1)
        settled = [panel.get_position().bounds for panel in figure.axes]
        np.testing.assert_allclose(settled, np.round(settled, 5), atol=1e-12)
        # Drawing does not lay out again.
        drawing.png(figure)
        drawing.svg(figure, "a title")
    assert [panel.get_position().bounds for panel in figure.axes] == settled


def test_another_seed_gives_other_numbers(made, tmp_path):
    with undrawn():
        other = making.make("2a", SEED + 1, tmp_path / "other", workers=1, size="tiny")
    assert not np.allclose(other.table["curvature"], made["2a"].table["curvature"])


# Figure 1


@pytest.mark.parametrize(
    ("panel", "layers", "width"), [("depth", 1, 0), ("depth", 3, 4), ("width", 3, 1), ("relu", 2, 8)]
)
@pytest.mark.parametrize("spectrum", model_size.SPECTRA)
def test_initial_values_of_figure_1_follow_from_the_definition(made, panel, layers, width, spectrum):
    settings = model_size.SIZES["tiny"]
    trial, d = 1, settings.d
    eigenvalues = np.arange(1, d + 1) ** (-settings.exponent if spectrum == "power law" else 0.0)
    X = streams.generator(SEED, "figure 1: inputs", (settings.n, d), trial).standard_normal((settings.n, d))
    X = X * np.sqrt(eigenvalues)
    teacher = streams.generator(SEED, "figure 1: teacher", (d,), trial).standard_normal(d)
    y = X @ teacher / np.sqrt(teacher @ np.diag(eigenvalues) @ teacher)
    model = (
        simulate.TwoLayer(d, width, train_outer=True)
        if panel == "relu"
        else simulate.DeepLinear(d, [width] * (layers - 1))
    )
    theta = model.init(streams.generator(SEED, "figure 1: initialisation", (panel, layers, width), trial))
    J, r = model.jacobian(theta, X), model.predict(theta, X) - y
    table = made["1"].table
    (row,) = table[
        (table["panel"] == panel) & (table["layers"] == layers) & (table["width"] == width) & (table["trial"] == trial)
        & (table["spectrum"] == spectrum) & (table["stage"] == "initialisation")
    ].to_dict("records")  # fmt: skip
    assert row["mu"] == pytest.approx(dense_alignment(J, r), rel=1e-9)
    assert row["mu_centred"] == pytest.approx(dense_alignment(J, r, centred=True), rel=1e-9)
    assert (row["parameters"], row["steps"], row["loss"]) == (J.shape[1], 0, 1.0)
    alone = [dense_alignment(J, np.eye(settings.n)[i]) for i in range(settings.n)]
    assert (row["label_free_inf"], row["label_free_sup"]) == pytest.approx((min(alone), max(alone)), rel=1e-9)


def test_figure_1_has_every_network_at_every_stage(made):
    table, settings = made["1"].table, model_size.SIZES["tiny"]
    nets = len(settings.depths) + len(settings.widths) + len(settings.relu_widths)
    measured = table[table["stage"] != model_size.WORST]
    assert len(measured) == nets * 2 * settings.trials * 4
    assert not measured[["mu", "mu_centred", "loss", "label_free_inf", "label_free_sup"]].isna().any(axis=None)
    assert (measured["mu"] <= measured["label_free_sup"] * (1 + 1e-9)).all()
    assert (measured["mu"] >= measured["label_free_inf"] * (1 - 1e-9)).all()
    reached = measured[(measured["stage"] == "loss 10 %") & (measured["steps"] < settings.steps)]
    assert len(reached) > 10
    assert (reached["loss"] <= 0.1).all()


def test_the_worst_linear_model_is_the_dense_eigenproblem(made):
    settings, table = model_size.SIZES["tiny"], made["1"].table
    worst = table[(table["stage"] == model_size.WORST) & (table["layers"] == 1)]
    assert len(worst) == 2 * settings.trials
    for row in worst.to_dict("records"):
        X, _ = model_size.data(SEED, settings, row["spectrum"], row["trial"])
        G = X.T @ X / settings.n
        a = np.einsum("ij,jk,ik->i", X, G, X)
        quotient = scipy.linalg.eigh(X.T @ np.diag(a) @ X / a.mean(), X.T @ X, eigvals_only=True)
        assert (row["worst_inf"], row["worst_sup"]) == pytest.approx((quotient[0], quotient[-1]), rel=1e-8)


@pytest.mark.parametrize("widths", [(1,), (3,), (2, 3)])
def test_linear_networks_of_any_width_approach_the_worst_case(widths):
    X = simulate.gaussian_inputs(14, simulate.isotropic(3), seed=1)
    u = simulate.uniform_alignment_range(X, seed=0).sup_witness[0]
    model = simulate.DeepLinear(3, widths)
    layers = [np.zeros(shape) for shape in model.shapes]
    layers[0][0] = 1e6 * u
    for layer in layers[1:]:
        layer[0, 0] = 1.0
    layers[-1][0, 0] = 1e-3
    theta, y = np.concatenate([layer.ravel() for layer in layers]), X @ np.array([1.0, -2.0, 0.5])
    mu = simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - y)
    assert mu == pytest.approx(simulate.uniform_alignment_range(X, seed=0).sup_found, rel=1e-2)


def test_one_neuron_on_one_sample_attains_both_ends():
    X = simulate.gaussian_inputs(10, simulate.isotropic(6), seed=2)
    y = X @ np.arange(6.0)
    found = isolating_weights(X)
    assert found is not None
    sample, b = found
    active = X @ b
    assert active[sample] == pytest.approx(1.0)
    assert np.delete(active, sample).max() <= 0
    model = simulate.TwoLayer(6, 3, train_outer=True)
    for outer, wanted in ((1e8, 10.0), (y[sample], 0.0)):
        theta = np.concatenate([b, np.zeros(12), [outer, 0, 0]])
        mu = simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - y)
        assert mu == pytest.approx(wanted, abs=1e-6)


def test_no_neuron_isolates_a_sample_among_many():
    X = simulate.gaussian_inputs(40, simulate.isotropic(2), seed=0)
    assert isolating_weights(X) is None


def test_gradient_descent_stops_at_the_levels():
    X = simulate.gaussian_inputs(12, simulate.isotropic(4), seed=0)
    y, model = X @ np.array([1.0, 2.0, -1.0, 0.5]), simulate.DeepLinear(4, (3,))
    moments = descend(model, model.init(0), X, y, (0.5, 0.1, 1e-3), 400)
    losses = [moment.loss for moment in moments]
    assert losses[0] == 1.0
    assert all(loss <= level for loss, level in zip(losses[1:], (0.5, 0.1, 1e-3), strict=True))
    assert losses == sorted(losses, reverse=True)
    # Step by step, with explicit Jacobians.
    theta, rate = model.init(0), 0.0
    for step in range(moments[1].steps):
        J, r = model.jacobian(theta, X), model.predict(theta, X) - y
        if step % 20 == 0:
            rate = 12 / np.linalg.eigvalsh(J.T @ J)[-1]
        theta = theta - rate * J.T @ r / 12
    np.testing.assert_allclose(moments[1].theta, theta, rtol=1e-9)
    np.testing.assert_allclose(moments[1].residual, model.predict(theta, X) - y, rtol=1e-9)


def test_gradient_descent_ends_where_it_cannot_go_on():
    X = simulate.gaussian_inputs(5, simulate.isotropic(3), seed=0)
    model = simulate.Linear(3)
    theta = model.init(0)
    moments = descend(model, theta, X, model.predict(theta, X), (0.1,), 10)
    assert [moment.steps for moment in moments] == [0, 0]
    moments = descend(model, theta, X, X[:, 0] + 1.0, (1e-12,), 3)
    assert (moments[-1].steps, len(moments)) == (3, 2)
    assert 0 < moments[-1].loss < 1
    dead = simulate.TwoLayer(3, 2, train_outer=True)
    moments = descend(dead, np.zeros(dead.size), X, X[:, 0], (0.1,), 10)
    assert (moments[-1].steps, moments[-1].loss) == (0, 1.0)


# Figure 2a


@pytest.mark.parametrize("spectrum", directions.SPECTRA)
@pytest.mark.parametrize("n", directions.SIZES["tiny"].samples)
def test_figure_2a_follows_from_the_definition(made, spectrum, n):
    settings, table = directions.SIZES["tiny"], made["2a"].table
    X, errors = directions.data(SEED, settings, spectrum, n)
    values, vectors = np.linalg.eigh(X.T @ X / n)
    order = np.argsort(-values)[: min(n, settings.d)]
    for centred in (False, True):
        rows = table[(table["spectrum"] == spectrum) & (table["n"] == n) & (table["centred"] == centred)]
        np.testing.assert_allclose(rows["curvature"], values[order], rtol=1e-9)
        for k in (0, len(order) - 1):
            v, row = vectors[:, order[k]], rows.iloc[k]
            energies = []
            for u in errors.T:
                r = X @ u
                noise = X.T @ np.diag(r**2) @ X / n - centred * np.outer(X.T @ r / n, X.T @ r / n)
                energies.append(v @ noise @ v / (r @ r / n))
            low, middle, high = np.quantile(energies, [0.05, 0.5, 0.95])
            assert (row["energy_q05"], row["energy_median"], row["energy_q95"]) == pytest.approx((low, middle, high))
            assert row["alignment_mean"] == pytest.approx(np.mean(energies) / values[order[k]])
            along = X @ v
            weighted = X.T @ np.diag(along**2) @ X / n - centred * np.outer(X.T @ along / n, X.T @ along / n)
            if n > settings.d:
                extremes = scipy.linalg.eigh(weighted / (along @ along / n), X.T @ X / n, eigvals_only=True)
                assert (row["alignment_inf"], row["alignment_sup"]) == pytest.approx((extremes[0], extremes[-1]))
            elif not centred:
                shares = n * along**2 / (along @ along)
                assert (row["alignment_inf"], row["alignment_sup"]) == pytest.approx((shares.min(), shares.max()))
            assert row["alignment_inf"] - 1e-9 <= min(energies) / row["curvature"]
            assert row["alignment_sup"] + 1e-9 >= max(energies) / row["curvature"]


# Scaling laws


def test_scaling_laws_follow_from_the_extremes(made):
    table, settings = made["scaling-laws"].table, scaling_laws.SIZES["tiny"]
    assert len(table) == settings.trials * 2 * settings.octaves + settings.fixed_trials * 2 * 4
    fixed = table[table["extremes_over"] == scaling_laws.FIXED].iloc[[0, 40, -1]]
    for row in fixed.to_dict("records"):
        X = scaling_laws.data(SEED, "fixed v", row["d"], row["n"], row["trial"])
        if row["n"] > row["d"]:
            weighted = X.T @ np.diag(X[:, 0] ** 2) @ X / (X[:, 0] @ X[:, 0])
            extremes = scipy.linalg.eigh(weighted, X.T @ X / row["n"], eigvals_only=True)
            assert (row["inf"], row["sup"]) == pytest.approx((extremes[0], extremes[-1]))
    uniform = table[table["extremes_over"] == scaling_laws.UNIFORM]
    assert (uniform["sup_certified"] >= uniform["sup"]).all()
    assert (uniform["inf_certified"].dropna() <= uniform["inf"][uniform["inf_certified"].notna()]).all()
    row = uniform.iloc[-1]
    X = scaling_laws.data(SEED, "all v", row["d"], row["n"], row["trial"])
    whitened = X @ np.linalg.inv(scipy.linalg.sqrtm(X.T @ X / row["n"]))
    random = np.random.default_rng(0).standard_normal((row["d"], 5000))
    random /= np.linalg.norm(random, axis=0)
    fourth = np.mean((whitened @ random) ** 4, axis=0).max()
    assert fourth <= row["sup"] * (1 + 1e-9)
    assert fourth >= 0.9 * row["sup"]


def test_exponents_are_recovered():
    stream = np.random.default_rng(0)
    cells = {
        (d, n): 3.0 * (n / d**1.5) ** -0.7 * np.exp(0.05 * stream.standard_normal(12))
        for d in (4, 8, 16, 32)
        for n in (2**j * d for j in range(12))
    }
    found = exponents.power(cells, np.random.default_rng(1))
    assert found.exponent.estimate == pytest.approx(-0.7, abs=0.01)
    assert found.exponent.low < -0.7 < found.exponent.high
    # 3 (n/d^1.5)^−0.7 = 1 where n = 3^(1/0.7) d^1.5.
    crossed = exponents.threshold(cells, 1.0, np.random.default_rng(1))
    assert crossed.dimensions.tolist() == [4, 8, 16, 32]
    np.testing.assert_allclose(crossed.samples, 3 ** (1 / 0.7) * crossed.dimensions**1.5, rtol=0.1)
    assert crossed.exponent.estimate == pytest.approx(1.5, abs=0.05)
    assert crossed.exponent.low < 1.5 < crossed.exponent.high
    assert crossed.last.low < 1.5 < crossed.last.high
    assert crossed.exponent_after_log.estimate < crossed.exponent.estimate
    assert crossed.factor == pytest.approx(3 ** (1 / 0.7), rel=0.15)


def test_a_dimension_that_never_crosses_is_left_out():
    cells = {(d, n): np.full(3, 100.0 / n if d > 2 else 1e-3) for d in (2, 4, 8) for n in (10, 1000)}
    crossed = exponents.threshold(cells, 1.0, np.random.default_rng(0))
    assert crossed.dimensions.tolist() == [4, 8]
    np.testing.assert_allclose(crossed.samples, 100.0)
    assert (crossed.exponent.estimate, crossed.exponent.low) == pytest.approx((0.0, 0.0), abs=1e-12)
    with pytest.raises(ValueError, match="level: expected one that at least two d cross"):
        exponents.threshold(cells, 1e-9, np.random.default_rng(0))


def test_limits_of_theorem_3_2():
    from verify.figures.model_size_drawing import population_limits

    assert population_limits() == (1.0, 3.0)
    assert math.isclose(directions.EPS, 0.3)
