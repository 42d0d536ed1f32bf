"""CIFAR-10: what the loader makes of the official files, and what it refuses."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simulate
from simulate import cifar

IMAGES = 30
MEAN = [0.4914, 0.4822, 0.4465]
DEVIATION = [0.2470, 0.2435, 0.2616]


def records(number: int) -> np.ndarray:
    """A file's records: classes in a fixed irregular order, pixels that depend on everything."""
    rng = np.random.default_rng(number)
    made = rng.integers(0, 256, (IMAGES, 3073), dtype=np.uint8)
    made[:, 0] = rng.permutation(np.arange(IMAGES) % 10)
    return made


@pytest.fixture
def published(monkeypatch, tmp_path) -> dict[str, np.ndarray]:
    """Small files in place of the official ones, in tmp_path; nothing else is looked at."""
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    made = {name: records(number) for number, name in enumerate(names)}
    files = tuple(
        cifar.DataFile(name, hashlib.sha1(content.tobytes()).hexdigest(), IMAGES) for name, content in made.items()
    )
    monkeypatch.setattr(cifar, "RELEASE", cifar.Release("cifar-10-batches-bin", files[:5], files[5:]))
    monkeypatch.delenv("NOISE_GEOMETRY_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name, content in made.items():
        (folder / name).write_bytes(content.tobytes())
    return made


def naive(record: np.ndarray) -> np.ndarray:
    """One image, pixel by pixel, from the description of the format."""
    image = np.empty((3, 32, 32))
    for channel in range(3):
        for row in range(32):
            for column in range(32):
                value = record[1 + 1024 * channel + 32 * row + column] / 255
                image[channel, row, column] = (value - MEAN[channel]) / DEVIATION[channel]
    return image


def test_all_ten_classes(published, tmp_path):
    X, y = simulate.cifar10(data_dir=tmp_path)
    joined = np.concatenate([published[f"data_batch_{k}.bin"] for k in range(1, 6)])
    assert X.shape == (5 * IMAGES, 3, 32, 32)
    assert (X.dtype, y.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(y.argmax(axis=1), joined[:, 0])
    np.testing.assert_allclose(y, np.eye(10)[joined[:, 0]] - 0.1, rtol=0, atol=1e-16)
    for place in (0, 47, 149):
        np.testing.assert_allclose(X[place], naive(joined[place]), rtol=1e-6, atol=1e-6)


def test_float64_is_exact_and_float32_is_its_rounding(published, tmp_path):
    X, _ = simulate.cifar10(split="test", data_dir=tmp_path, dtype=np.float64)
    np.testing.assert_allclose(X[3], naive(published["test_batch.bin"][3]), rtol=1e-14, atol=1e-15)
    rounded, _ = simulate.cifar10(split="test", data_dir=tmp_path, dtype="float32")
    np.testing.assert_array_equal(rounded, X.astype(np.float32))


def test_two_classes_by_number_or_name(published, tmp_path):
    X, y = simulate.cifar10((3, 5), data_dir=tmp_path)
    joined = np.concatenate([published[f"data_batch_{k}.bin"] for k in range(1, 6)])
    kept = joined[(joined[:, 0] == 3) | (joined[:, 0] == 5)]
    assert y.shape == (30,)
    np.testing.assert_array_equal(y, np.where(kept[:, 0] == 3, 1.0, -1.0))
    np.testing.assert_allclose(X[7], naive(kept[7]), rtol=1e-6, atol=1e-6)
    for same in (("cat", "dog"), ["cat", 5], np.array([3, 5])):
        other, labels = simulate.cifar10(same, data_dir=tmp_path)
        np.testing.assert_array_equal(other, X)
        np.testing.assert_array_equal(labels, y)
    _, swapped = simulate.cifar10(("dog", "cat"), data_dir=tmp_path)
    np.testing.assert_array_equal(swapped, -y)


@pytest.mark.usefixtures("published")
def test_a_subset_is_drawn_by_its_seed_and_keeps_the_order(tmp_path):
    everything, labels = simulate.cifar10(data_dir=tmp_path)
    X, y = simulate.cifar10(n=40, seed=3, data_dir=tmp_path)
    places = [int(np.flatnonzero((everything == image).all(axis=(1, 2, 3)))[0]) for image in X]
    assert places == sorted(set(places))
    assert len(places) == 40
    np.testing.assert_array_equal(y, labels[places])
    again, _ = simulate.cifar10(n=40, seed=3, data_dir=tmp_path)
    np.testing.assert_array_equal(again, X)
    other, _ = simulate.cifar10(n=40, seed=4, data_dir=tmp_path)
    assert not np.array_equal(other, X)
    smaller, _ = simulate.cifar10(n=10, seed=3, data_dir=tmp_path)
    assert all((image == X).all(axis=(1, 2, 3)).any() for image in smaller)
    drawn, _ = simulate.cifar10(n=40, seed=np.random.default_rng(0), data_dir=tmp_path)
    assert drawn.shape == X.shape
    whole, _ = simulate.cifar10(n=150, seed=9, data_dir=tmp_path)
    np.testing.assert_array_equal(whole, everything)


@pytest.mark.usefixtures("published")
def test_where_the_files_are_looked_for(monkeypatch, tmp_path):
    wanted, _ = simulate.cifar10(split="test", data_dir=tmp_path)
    inside, _ = simulate.cifar10(split="test", data_dir=str(tmp_path / "cifar-10-batches-bin"))
    np.testing.assert_array_equal(inside, wanted)
    with pytest.raises(simulate.DataError, match=r"cache/noise-geometry/cifar-10-batches-bin/test_batch\.bin"):
        simulate.cifar10(split="test")
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", str(tmp_path))
    from_environment, _ = simulate.cifar10(split="test")
    np.testing.assert_array_equal(from_environment, wanted)
    # The argument goes before the variable.
    with pytest.raises(simulate.DataError, match="elsewhere/cifar-10-batches-bin"):
        simulate.cifar10(split="test", data_dir=tmp_path / "elsewhere")
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", "")
    cache = tmp_path / "cache" / "noise-geometry"
    cache.mkdir(parents=True)
    (tmp_path / "cifar-10-batches-bin").rename(cache / "cifar-10-batches-bin")
    cached, _ = simulate.cifar10(split="test")
    np.testing.assert_array_equal(cached, wanted)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cifar.root() == Path("/home/someone/.cache/noise-geometry")


def refused(tmp_path: Path, split: str = "train") -> str:
    """The message of the refusal: one line that names the command."""
    with pytest.raises(simulate.DataError) as error:
        simulate.cifar10(split=split, data_dir=tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert isinstance(error.value, simulate.InputError)
    assert message.endswith(f"; get it with: noise-geometry data cifar10 --data-dir {tmp_path}")
    return message


def change(path: Path, how: str) -> None:
    """Damage a file."""
    content = path.read_bytes()
    path.unlink()
    if how == "truncated":
        path.write_bytes(content[:-1])
    elif how == "grown":
        path.write_bytes(content + b"\0")
    elif how == "corrupted":
        path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("missing", "expected a file of 92190 bytes, got none"),
        ("truncated", "expected a file of 92190 bytes, got 92189"),
        ("grown", "expected a file of 92190 bytes, got 92191"),
        ("corrupted", "expected SHA-1 "),
        ("folder", "expected a file of 92190 bytes, got something that is no file"),
        ("pipe", "expected a file of 92190 bytes, got something that is no file"),
    ],
)
@pytest.mark.usefixtures("published")
def test_a_file_that_is_not_the_published_one_is_refused_by_name(tmp_path, how, why):
    # Read before, so that what is remembered of the file must not hide the change.
    simulate.cifar10(data_dir=tmp_path)
    folder = tmp_path / "cifar-10-batches-bin"
    change(folder / "data_batch_4.bin", how)
    assert refused(tmp_path).startswith(f"{folder / 'data_batch_4.bin'}: {why}")
    # The other split does not need that file.
    simulate.cifar10(split="test", data_dir=tmp_path)


def test_two_files_that_were_exchanged_are_refused(published, tmp_path):
    (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(published["data_batch_2.bin"].tobytes())
    assert "data_batch_1.bin: expected SHA-1 " in refused(tmp_path)


def test_a_pickle_is_never_opened(published, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    del published
    (tmp_path / "cifar-10-batches-bin").rename(tmp_path / "kept")
    pickled = tmp_path / "cifar-10-batches-py"
    pickled.mkdir()
    for name in ("data_batch_1", "test_batch", "test_batch.bin", "batches.meta"):
        (pickled / name).write_bytes(pickle.dumps(Trap()))
    wanted = "expected the binary version, got the pickled one in cifar-10-batches-py, which is never opened"
    assert wanted in refused(tmp_path, "test")
    assert wanted in refused(pickled, "test")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.usefixtures("published")
def test_a_file_is_hashed_once_a_process_and_again_when_it_changes(monkeypatch, tmp_path):
    hashed = []
    sha1 = hashlib.sha1
    monkeypatch.setattr(hashlib, "sha1", lambda content, **how: hashed.append(len(content)) or sha1(content, **how))
    for _ in range(3):
        simulate.cifar10(split="test", data_dir=tmp_path)
    assert hashed == [92190]
    os.utime(tmp_path / "cifar-10-batches-bin" / "test_batch.bin", (1, 1))
    simulate.cifar10(split="test", data_dir=tmp_path)
    assert hashed == [92190, 92190]


BAD = [
    ({"classes": (1, 1)}, "classes: expected .*, got automobile twice"),
    ({"classes": ("cat", 3)}, "classes: expected .*, got cat twice"),
    ({"classes": ("cat", "god")}, "classes: expected .*, got str 'god'"),
    ({"classes": (0, 10)}, "classes: expected an integer >= 0 and <= 9, got int 10"),
    ({"classes": (0, True)}, "classes: expected an integer"),
    ({"classes": (0, 1.0)}, "classes: expected an integer"),
    ({"classes": (0, 1, 2)}, "classes: expected None or two different classes"),
    ({"classes": "cat"}, "classes: expected None or two different classes"),
    ({"classes": 3}, "classes: expected None or two different classes"),
    ({"split": "valid"}, "split: expected 'train' or 'test', got str 'valid'"),
    ({"n": 0}, "n: expected an integer >= 1"),
    ({"n": 151}, "n: expected an integer >= 1 and <= 150, got int 151"),
    ({"n": 31, "classes": (0, 1)}, "n: expected an integer >= 1 and <= 30, got int 31"),
    ({"n": 2.0}, "n: expected an integer"),
    ({"seed": -1}, "seed: expected"),
    ({"dtype": np.float16}, "dtype: expected float32 or float64"),
    ({"dtype": np.int32}, "dtype: expected float32 or float64"),
    ({"dtype": None}, "dtype: expected float32 or float64, got None"),
    ({"dtype": "flaot"}, "dtype: expected float32 or float64, got str 'flaot'"),
    ({"data_dir": ""}, "data_dir: expected the name of a folder, got str ''"),
    ({"data_dir": 3}, "data_dir: expected the name of a folder, got int 3"),
    ({"data_dir": b"x"}, "data_dir: expected the name of a folder, got bytes b'x'"),
    ({"data_dir": "a\0b"}, "data_dir: expected the name of a folder, got one with a NUL character"),
]  # fmt: skip


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[str(arguments) for arguments, _ in BAD])
def test_arguments_that_cannot_be_used(tmp_path, arguments, message):
    with pytest.raises(simulate.InputError, match=f"^{message}"):
        simulate.cifar10(**{"data_dir": tmp_path, **arguments})


@pytest.mark.usefixtures("published")
def test_a_data_dir_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "expected a file that can be read, got: Not a directory" in refused(tmp_path / "file")


def test_nothing_but_numpy_is_needed(published, tmp_path):
    (only,) = (file for file in cifar.RELEASE.files if file.name == "test_batch.bin")
    script = f"""
import sys
from pathlib import Path
from simulate import cifar
rows = cifar.read(Path({str(tmp_path)!r}) / "cifar-10-batches-bin", cifar.{only!r})
assert rows.shape == ({IMAGES}, 3073)
unwanted = "cloudpickle pandas PIL matplotlib sklearn numba verify theory"
print([name for name in unwanted.split() if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert published["test_batch.bin"].shape == (IMAGES, 3073)


@pytest.mark.skipif(not os.environ.get("NOISE_GEOMETRY_DATA"), reason="NOISE_GEOMETRY_DATA names no folder with data")
def test_the_real_images():
    X, y = simulate.cifar10((0, 1), split="test")
    assert X.shape == (2000, 3, 32, 32)
    assert y.sum() == 0
    X, y = simulate.cifar10()
    np.testing.assert_array_equal(np.bincount(y.argmax(axis=1)), np.full(10, 5000))
    # The published means and deviations have four digits.
    np.testing.assert_allclose(X.mean(axis=(0, 2, 3), dtype=np.float64), 0, atol=3e-4)
    np.testing.assert_allclose(X.std(axis=(0, 2, 3), dtype=np.float64), 1, atol=3e-4)
