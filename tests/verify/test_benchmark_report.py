"""The benchmark report: intervals cover, exponents are found, bad files are refused, pages are whole."""

from __future__ import annotations

import itertools
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify import cli
from verify.benchmarks import writing
from verify.benchmarks.assembling import report
from verify.benchmarks.comparing import AGREE, CONTRADICT, ONCE, UNDECIDED, repeat
from verify.benchmarks.ratios import rank_cut, time_ratio
from verify.benchmarks.reading import read
from verify.benchmarks.sections import NO_GPU, NO_REASON, interval_text, time_text
from verify.errors import VerifyError
from verify.statistics import Interval

HOSTILE = "<script>alert('1')</script> | \"more\" & `x`"


def entry(name, median, group=None, rounds=9, noise=0.02, seed=0, **extra):
    """A benchmark whose rounds scatter about a median."""
    scatter = np.random.default_rng([seed, *name.encode()]).standard_normal(rounds)
    data = (median * np.exp(noise * (scatter - np.median(scatter)))).tolist()
    return {"name": name, "group": group, "extra_info": extra, "stats": {"data": data}}


def ours(name, median, group=None, **extra):
    return entry(name, median, group, by="noise-geometry", role="ours", **{"path": "some path", **extra})


def peer(by, median, group, **extra):
    return entry(by, median, group, by=by, role="peer", path="some path", **extra)


@pytest.fixture(name="saved")
def _saved(tmp_path):
    """Write a file as pytest-benchmark does."""
    numbers = itertools.count()

    def save(*benchmarks, **content):
        path = tmp_path / f"run-{next(numbers)}.json"
        machine = {"noise_geometry": {"program": "0.1.0", "processor": "some CPU", "packages": {"numpy": "2.4.6"}}}
        whole = {"machine_info": machine, "datetime": "2026-11-28", "benchmarks": list(benchmarks), **content}
        path.write_text(json.dumps(whole), encoding="utf-8")
        return path

    return save


def full(saved):
    """Everything that a report can hold."""
    return saved(
        ours("ours", 1.0, "G", n=100, d=10, flops=2e9, bytes=1e6, peak_gigabytes=0.2, start_gigabytes=0.1),
        peer("Peer", 8.0, "G", aim=10, difference=2e-12, tolerance=1e-10, peak_gigabytes=1.0),
        peer(HOSTILE, 0.5, "G", note="top 10 alone"),
        entry("products", 0.8, "G", by="its products", role="part", path="some path"),
        entry("gemm", 0.1, by="NumPy", role="machine", path="GEMM", precision="float64", flops=1e10),
        entry("copy", 0.1, by="NumPy", role="machine", path="memory bandwidth", bytes=1e9),
        entry(HOSTILE, 0.1),
        *(ours(f"n{n}", 1e-6 * n**1.5, path="growing", n=n, d=3, flops=n * n) for n in (100, 200, 400)),
    )


@given(first=st.integers(1, 5), second=st.integers(1, 5), tail=st.floats(0.001, 0.45))
def test_the_cut_is_that_of_all_arrangements(first, second, tail):
    counts = np.zeros(first * second + 1)
    for places in itertools.combinations(range(first + second), first):
        counts[sum(places) - first * (first - 1) // 2] += 1
    below = np.cumsum(counts / counts.sum())
    assert rank_cut(first, second, tail) == np.sum(below <= tail + 1e-15)


def test_the_approximate_cut_is_on_the_safe_side_of_the_exact_one():
    exact, approximate = rank_cut(60, 60, 0.025), rank_cut(60, 61, 0.025)
    # One more round adds about 30 pairs to each side.
    assert exact <= approximate + 1 <= exact + 31


@settings(max_examples=8)
@given(factor=st.floats(0.01, 100), rounds=st.tuples(st.integers(4, 15), st.integers(4, 15)), seed=st.integers(0, 999))
def test_a_known_ratio_is_covered(factor, rounds, seed):
    rng = np.random.default_rng(seed)
    covered = 0
    for _ in range(200):
        # Times have a floor and a heavy tail.
        theirs, mine = (np.exp(0.1 * rng.exponential(size=size) ** 1.5) for size in rounds)
        found = time_ratio(factor * theirs, mine)
        covered += found.low <= factor <= found.high
    # 95 %, less four standard deviations of 200 trials.
    assert covered >= 200 * 0.95 - 4 * np.sqrt(200 * 0.95 * 0.05)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=12), st.lists(st.floats(0.1, 10), min_size=1, max_size=12))
def test_a_ratio_inverts_and_lies_in_its_interval(theirs, mine):
    one, other = time_ratio(np.array(theirs), np.array(mine)), time_ratio(np.array(mine), np.array(theirs))
    assert one.low <= one.estimate * (1 + 1e-12)
    assert one.estimate <= one.high * (1 + 1e-12)
    assert one.low == pytest.approx(1 / other.high if other.high < np.inf else 0.0)


@pytest.mark.parametrize(("rounds", "told"), [((3, 3), False), ((1, 20), False), ((4, 4), True), ((3, 5), True)])
def test_few_rounds_give_no_interval(rounds, told):
    theirs, mine = (np.linspace(1, 1.01, size) for size in rounds)
    found = time_ratio(10 * theirs, mine)
    assert (found.high < np.inf) == told
    assert found.estimate == pytest.approx(10, rel=0.02)


def test_many_rounds_are_thinned_evenly():
    rng = np.random.default_rng(0)
    found = time_ratio(2 + rng.random(100_000), 1 + 0.5 * rng.random(100_000))
    assert found.low < 2 < found.high
    assert found.high - found.low < 0.2


@pytest.mark.parametrize(("theirs", "conclusion"), [(8, "faster"), (0.5, "slower"), (1, "not told apart")])
def test_conclusions_follow_the_interval(saved, theirs, conclusion):
    found = report([saved(ours("ours", 1.0, "G"), peer("Peer", theirs, "G"))])
    assert [race.conclusion for race in found.races] == [conclusion]


@given(exponent=st.floats(-1, 3), noise=st.floats(0, 0.05))
@settings(max_examples=5)
def test_exponents_are_recovered(tmp_path_factory, exponent, noise):
    path = tmp_path_factory.mktemp("growth") / "run.json"
    lines = [
        ours(f"{axis}{value}", float(value) ** exponent, noise=noise, flops=value**2, **{"n": 7, "d": 7, axis: value})
        for axis in ("n", "d")
        for value in (50, 100, 200, 400)
    ]
    path.write_text(json.dumps({"benchmarks": lines}), encoding="utf-8")
    found = report([path]).growths
    assert [growth.axis for growth in found] == ["n", "d"]
    for growth in found:
        assert growth.exponent.low - 1e-9 <= growth.exponent.estimate <= growth.exponent.high + 1e-9
        assert growth.exponent.estimate == pytest.approx(exponent, abs=1e-9 + noise)
        assert growth.counted == pytest.approx(2)
        # Neighbours are an octave apart: the noise of a median over log 2.
        assert growth.between == pytest.approx((exponent, exponent), abs=1e-9 + 2 * noise)


def test_two_sizes_and_unlike_others_give_no_exponent(saved):
    two = [ours(f"n{n}", n, n=n, d=3) for n in (1, 2)]
    unlike = [ours(f"unlike{n}", n, path="other path", n=n, d=n) for n in (1, 2, 3)]
    assert report([saved(*two, *unlike)]).growths == ()


def test_work_and_floors_are_counted_for_one_unit(saved):
    found = report([
        saved(
            ours("ours", 4.0, "G", noise=0.0, work=4, flops=8e9, bytes=4e6),
            peer("Peer", 1.0, "G", noise=0.0, work=0.5),
            entry("gemm", 0.1, noise=0.0, by="NumPy", role="machine", path="GEMM", flops=1e9),
            entry("copy", 1.0, noise=0.0, by="NumPy", role="machine", path="memory bandwidth", bytes=1e9),
        )
    ])
    assert found.races[0].ratio.estimate == pytest.approx(2)
    floor = found.floors[0]
    assert (floor.bound, floor.seconds, floor.fraction) == ("arithmetic", pytest.approx(0.2), pytest.approx(0.2))


def test_a_group_comes_from_the_file_that_has_most_of_it(saved):
    alone = saved(ours("ours", 5.0, "G"), ours("only here", 1.0, "H"))
    raced = saved(ours("ours", 1.0, "G"), peer("Peer", 2.0, "G"))
    found = report([alone, raced])
    assert [race.ratio.estimate for race in found.races] == [pytest.approx(2, rel=0.1)]
    assert [len(extract.timings) for extract in found.extracts] == [1, 2]


def test_repeats_agree_contradict_or_are_undecided(saved):
    def run(**peers):
        return report([saved(ours("ours", 1.0, "G"), *(peer(by, at, "G", aim=3) for by, at in peers.items()))])

    compared = repeat(run(A=5.0, B=2.0, C=5.0, D=2.0, E=1.0), run(A=4.0, B=0.5, C=2.0, D=1.0, F=1.0))
    states = {each.other: each.state for each in compared.agreements}
    assert states == {"A": AGREE, "B": CONTRADICT, "C": CONTRADICT, "D": UNDECIDED, "E": ONCE, "F": ONCE}
    assert compared.exit_code == 1
    assert repeat(compared.before, compared.before).exit_code == 0


GOOD = {"name": "one", "stats": {"data": [1.0]}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "what pytest --benchmark-json writes"),
        ('{"benchmarks": []}', "at least one benchmark"),
        (json.dumps({"benchmarks": [7]}), "benchmarks with names"),
        (json.dumps({"benchmarks": [{"name": "one", "stats": {"median": 1}}]}), "the rounds' data of 'one'"),
        (json.dumps({"benchmarks": [{"name": "one", "stats": {"data": [1, -1]}}]}), "positive number as a round"),
        ('{"benchmarks": [{"name": "one", "stats": {"data": [NaN]}}]}', "positive number as a round"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": 3}]}), "an object as extra_info"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": {"flops": "many\nlines"}}]}), "as flops of 'one'"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": {"work": 0}}]}), "as work of 'one'"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": {"by": "x", "role": "boss"}}]}), "as role of 'one'"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": {"n": True}}]}), "as n of 'one'"),
        (json.dumps({"benchmarks": [{**GOOD, "extra_info": {"by": 3}}]}), "a text as by of 'one'"),
        (json.dumps({"benchmarks": [{**GOOD, "group": 3}]}), "a text as group of 'one'"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, capsys, content, expected):
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(VerifyError, match=r"^json: expected .*, got .*\Z") as refused:
        read(path)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(SystemExit) as left:
        cli.main(["bench", str(path), "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


class Outline(HTMLParser):
    """Checks that tags are balanced."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()


def test_the_page_is_well_formed_loads_nothing_and_escapes(saved):
    found = report([full(saved)])
    page = writing.html(found, repeat(found, found))
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.tags.count("script") == 1
    assert "http://" not in page
    assert "https://" not in page
    assert "prefers-color-scheme: dark" in page
    assert NO_GPU in page


def test_markdown_tables_are_whole_and_escape(saved):
    found = report([full(saved)])
    lines = writing.markdown(found, repeat(found, found)).splitlines()
    widths = [len(line.replace(r"\|", "").split("|")) for line in lines if line.startswith("|")]
    ends = [number for number, line in enumerate(lines) if line.startswith("| :--")]
    for end in ends:
        table = itertools.takewhile(lambda line: line.startswith("|"), lines[end - 1 :])
        assert len({len(line.replace(r"\|", "").split("|")) for line in table}) == 1
    assert widths
    assert len(ends) >= 8
    assert not any("<script>" in line.replace(r"\<", "") for line in lines)


def test_what_is_slower_has_a_reason_or_lacks_one(saved):
    given_reason = entry("step", 0.5, "S", by="PyTorch", role="peer", path="training step of the CNN")
    found = report([
        saved(
            ours("ours", 1.0, "G"),
            peer("Peer", 0.5, "G"),
            peer("Slow", 2.0, "G", aim=10),
            peer("Slower", 5.0, "G"),
            ours("our step", 1.0, "S", path="training step of the CNN"),
            given_reason,
        )
    ])
    text = writing.markdown(found)
    assert text.count(NO_REASON) == 2
    assert "oneDNN" in text
    assert found.headline().startswith("bench: 4 races — 2 faster, 2 slower; 1 aim missed; 2 without a reason")
    missing = {race["other"]["by"]: race["reason_missing"] for race in found.to_dict()["races"]}
    assert missing == {"Peer": True, "Slow": True, "Slower": False, "PyTorch": False}


def test_races_that_cannot_be_told_apart_are_counted_once(saved):
    found = report([
        saved(ours("ours", 1.0, "G"), peer("Same", 1.0, "G"), *(peer(f"P{i}", 3.0, "G") for i in range(3)))
    ])
    assert found.headline().startswith("bench: 4 races — 3 faster, 1 not told apart;")


def test_a_gpu_is_reported_where_a_card_is_named_and_only_there(saved):
    without, on_card = report([full(saved)]), report([saved(ours("gpu", 1.0, device="Some Card"))])
    assert without.to_dict()["gpu"] == "not measured"
    assert "GPU not measured" in without.headline()
    assert NO_GPU in writing.markdown(without)
    assert "not measured yet" not in writing.markdown(on_card)
    assert "Some Card" in writing.markdown(on_card)


def test_a_card_is_laid_beside_its_own_rates_and_not_beside_the_processors(saved):
    processor = entry("gemm", 1.0, by="NumPy", role="machine", path="GEMM", flops=1e9)
    on_card = [
        entry("card gemm", 1.0, by="CuPy", role="machine", path="GEMM", flops=4e12, device="Some Card"),
        entry("card copy", 1.0, by="CuPy", role="machine", path="memory bandwidth", bytes=2e12, device="Some Card"),
    ]
    mine = ours("gpu", 2.0, flops=4e12, bytes=1e12, pool_gigabytes=3.5, device="Some Card")
    alone = report([saved(processor, mine)])
    # Without rates of the card there is no floor, whatever the processor's are.
    assert alone.floors == ()
    both = report([saved(*on_card, processor, mine, ours("cpu", 4.0, flops=1e9))])
    card_floor, cpu_floor = both.floors
    assert (card_floor.seconds, card_floor.bound) == (pytest.approx(1.0), "arithmetic")
    assert card_floor.fraction == pytest.approx(0.5)
    assert cpu_floor.fraction == pytest.approx(0.25)
    text = writing.markdown(both)
    assert "some path, on Some Card" in text
    assert "3.50 GB" in text
    assert both.to_dict()["files"][0]["gemm_flops"] == {"float64": pytest.approx(1e9)}
    assert both.to_dict()["files"][0]["cards"]["Some Card"]["bandwidth"] == pytest.approx(2e12)


def test_the_command_writes_a_folder(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = full(saved)

    def command(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.main(["bench", *arguments])
        return left.value.code, *capsys.readouterr()

    status, out, err = command(str(path), "--out", "one", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "one/report.json").read_text(encoding="utf-8"))
    assert {entry.name for entry in (tmp_path / "one").iterdir()} == {
        *("report.html", "report.md", "report.json", "manifest.json"),
    }
    status, out, _ = command(str(path), "--out", "two", "--quiet", "--compare", str(path))
    assert (status, out) == (0, "repeat: 2 races — 2 agree; report two/report.html\n")
    status, out, _ = command(str(path), "--out", "three")
    assert status == 0
    assert "Beside other software" in out
    assert "≥ 10: missed" in out
    assert command(str(path), "--out", "one")[0] == 2
    assert "expected results/benchmarks.json or" in command()[2]
    assert "seed: expected an integer" in command(str(path), "--seed", "-1")[2]


def test_a_contradiction_leaves_with_status_1(saved, tmp_path, capsys):
    first, second = (saved(ours("ours", 1.0, "G"), peer("Peer", at, "G")) for at in (2.0, 0.5))
    with pytest.raises(SystemExit) as left:
        cli.main(["bench", str(first), "--compare", str(second), "--out", str(tmp_path / "out"), "-q"])
    assert left.value.code == 1
    assert "1 contradict" in capsys.readouterr().out


def test_the_default_files_are_found(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    full(saved).rename(tmp_path / "results/peers.json")
    with pytest.raises(SystemExit) as left:
        cli.main(["bench", "-q"])
    assert left.value.code == 0
    assert "report results/benchmarks-" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.34, "12.3 s"), (0.5, "500 ms"), (2e-5, "20.0 µs"), (3e-9, "3.00 ns"), (123.4, "123 s")]
)
def test_times_in_words(seconds, text):
    assert time_text(seconds) == text


def test_intervals_in_words():
    assert interval_text(Interval(8.314, 7.9, 8.74)) == "8.31 [7.90, 8.74]"
    assert interval_text(Interval(8.314, 0.0, np.inf)) == "8.31 [no interval]"
    assert interval_text(Interval(-0.1, -0.25, 0.05)) == "−0.100 [−0.250, 0.0500]"
