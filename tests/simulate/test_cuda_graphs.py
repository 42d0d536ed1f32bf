"""CUDA graphs and the products in them, against stand-ins for CuPy and cuBLAS; ``pytest -m gpu`` has the real ones."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import itertools
import shutil
import subprocess
import warnings
from types import SimpleNamespace

import array_api_compat
import numpy as np
import pytest

import simulate
from simulate import networks
from simulate.kernels.cuda import graphs, products
from simulate.networks.steps import Steps

CUBLAS = r"""
#include <cstddef>
// Column by column, as cuBLAS counts; refuses to work before it has a stream and, after it, a workspace.
struct Handle { void* stream; void* workspace; };
template <typename T>
int gemm(Handle* h, int ta, int tb, int m, int n, int k, const T* alpha, const T* A, int lda, const T* B, int ldb,
         const T* beta, T* C, int ldc) {
  if (!h->workspace) return 1;
  if (ldc < m || lda < (ta ? k : m) || ldb < (tb ? n : k)) return 7;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < m; ++i) {
      T sum = 0;
      for (int l = 0; l < k; ++l)
        sum += (ta ? A[l + (size_t)i * lda] : A[i + (size_t)l * lda]) *
               (tb ? B[j + (size_t)l * ldb] : B[l + (size_t)j * ldb]);
      C[i + (size_t)j * ldc] = *alpha * sum + (*beta ? *beta * C[i + (size_t)j * ldc] : 0);
    }
  return 0;
}
extern "C" {
int live = 0;
int cublasCreate_v2(Handle** h) { *h = new Handle{nullptr, nullptr}; ++live; return 0; }
int cublasDestroy_v2(Handle* h) { delete h; --live; return 0; }
int cublasSetStream_v2(Handle* h, void* s) { h->stream = s; h->workspace = nullptr; return 0; }
int cublasSetWorkspace_v2(Handle* h, void* w, size_t) { if (!h->stream) return 1; h->workspace = w; return 0; }
int cublasSgemm_v2(Handle* h, int ta, int tb, int m, int n, int k, const float* a, const float* A, int lda,
                   const float* B, int ldb, const float* b, float* C, int ldc) {
  return gemm(h, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
}
int cublasDgemm_v2(Handle* h, int ta, int tb, int m, int n, int k, const double* a, const double* A, int lda,
                   const double* B, int ldb, const double* b, double* C, int ldc) {
  return gemm(h, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
}
}
"""


class There:
    """An array as CuPy shows it: where it lies, and how."""

    def __init__(self, host):
        self.host = host
        self.data = SimpleNamespace(ptr=host.ctypes.data)
        self.dtype, self.shape, self.ndim, self.strides = host.dtype, host.shape, host.ndim, host.strides

    def fill(self, value):
        self.host.fill(value)


class Stream:
    """A stream that, like CUDA's, does not do what it captures."""

    ptr = 77

    def __init__(self, watched=()):
        self.watched, self.body = watched, None
        self.captures = 0
        self.fails = False
        self.grows = ()
        self.pool = SimpleNamespace(malloc=object(), bytes=7, freed=0)
        self.pool.total_bytes = lambda: self.pool.bytes
        self.pool.free_all_blocks = lambda: setattr(self.pool, "freed", self.pool.freed + 1)

    def begin_capture(self):
        self.captures += 1
        self.saved = [array.copy() for array in self.watched]

    def end_capture(self):
        for array, before in zip(self.watched, self.saved, strict=True):
            array[...] = before
        if self.captures in self.grows:
            self.pool.bytes += 1
        if self.fails:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated: operation failed")
        return SimpleNamespace(launch=self.body)

    def synchronize(self):
        pass


def stand_in(stream):
    """What is used of CuPy."""
    pools = []

    @contextlib.contextmanager
    def using_allocator(allocator):
        pools.append(allocator)
        yield

    cuda = SimpleNamespace(
        MemoryPool=lambda: stream.pool,
        device=SimpleNamespace(get_cublas_handle=lambda: 1),
        alloc=lambda size: SimpleNamespace(ptr=4096),
        get_current_stream=lambda: stream,
        runtime=SimpleNamespace(runtimeGetVersion=lambda: 13010),
        using_allocator=using_allocator,
        pools=pools,
    )
    return SimpleNamespace(
        cuda=cuda,
        empty=lambda shape, dtype: There(np.full(shape, np.nan, dtype=dtype)),
        ascontiguousarray=lambda array: There(np.ascontiguousarray(array.host)),
    )


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("cublas")
    (folder / "cublas.cpp").write_text(CUBLAS, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", folder / "it.so", folder / "cublas.cpp"], check=True)
    return folder / "it.so"


@pytest.fixture(name="cublas")
def _cublas(library, monkeypatch):
    """Let our products find the stand-in under cuBLAS's name."""
    load, loaded = ctypes.CDLL, ctypes.CDLL(str(library))
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more: loaded if name == "libcublas.so.13" else load(name, *more))
    return loaded


LAYOUTS = {
    "rows": lambda a: np.ascontiguousarray(a),
    "columns": lambda a: np.asfortranarray(a),
    "wide rows": lambda a: np.pad(a, ((0, 0), (0, 3)))[:, : a.shape[1]],
    "every second": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "one row for all": lambda a: np.broadcast_to(a[:1], a.shape),
    "one column for all": lambda a: np.broadcast_to(a[:, :1], a.shape),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(LAYOUTS, repeat=2)))
def test_products_are_those_of_numpy_however_matrices_lie(cublas, left, right, dtype):
    rng = np.random.default_rng(0)
    multiply = products.Products(stand_in(Stream()))
    for m, k, n in [(3, 5, 4), (1, 6, 1), (6, 1, 2), (1, 1, 1), (2, 7, 1)]:
        a, b = LAYOUTS[left](rng.standard_normal((m, k))), LAYOUTS[right](rng.standard_normal((k, n)))
        a, b = (_typed(array, dtype) for array in (a, b))
        found = multiply(There(a), There(b)).host
        assert found.dtype == dtype
        np.testing.assert_allclose(found, a @ b, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)


def _typed(array, dtype):
    """Change the type, and keep how the array lies."""
    if array.dtype == dtype:
        return array
    strides = tuple(stride // 2 for stride in array.strides)
    base = np.zeros(2 * array.size * 8, dtype=dtype)
    first = base.size // 2
    view = np.lib.stride_tricks.as_strided(base[first:], array.shape, strides)
    view[...] = array
    return view


def test_products_that_cannot_be_are_refused(cublas):
    multiply = products.Products(stand_in(Stream()))
    square = There(np.eye(2))
    for other in (np.eye(3), np.ones(2), np.eye(2, dtype=np.float32), np.eye(2, dtype=np.int64), np.ones((1, 2, 2))):
        with pytest.raises(ValueError, match=r"^products: expected matrices \(m, k\) and \(k, n\) of float32 or"):
            multiply(square, There(other))
    np.testing.assert_array_equal(multiply(There(np.ones((2, 0))), There(np.ones((0, 3)))).host, np.zeros((2, 3)))


def test_handles_are_given_back(cublas):
    gc.collect()
    before = ctypes.c_int.in_dll(cublas, "live").value
    for give_back in (products.Products.close, lambda multiply: None):
        multiply = products.Products(stand_in(Stream()))
        assert ctypes.c_int.in_dll(cublas, "live").value == before + 1
        give_back(multiply)
        del multiply
        assert ctypes.c_int.in_dll(cublas, "live").value == before


def test_cublas_is_looked_for_after_cupy_has_loaded_it(cublas, monkeypatch):
    cupy, asked = stand_in(Stream()), []
    load = ctypes.CDLL
    monkeypatch.setattr(cupy.cuda.device, "get_cublas_handle", lambda: asked.append("cupy"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more: (asked.append(name), load(name, *more))[1])
    products.Products(cupy)
    assert asked == ["cupy", "libcublas.so.13"]


def _body(stream, done):
    """Work that counts how often it was begun, on an array that stays."""
    total = np.zeros(1)
    stream.watched = [total]

    def body(xp):
        done.append(xp)
        total[...] += 1

    stream.body = lambda: body(None)
    return total, body


def test_the_second_call_captures_and_all_calls_count_once(cublas):
    stream, done = Stream(), []
    total, body = _body(stream, done)
    cupy = stand_in(stream)
    captured = graphs.Captured(cupy, np, body)
    for call in range(1, 6):
        captured()
        assert total[0] == call
        assert stream.captures == (call >= 2)
    # What is done before and during the capture allocates from one pool that nothing else uses.
    assert len(cupy.cuda.pools) == 2
    assert cupy.cuda.pools[0] is cupy.cuda.pools[1]
    assert isinstance(done[1].matmul, products.Products)
    assert done[1].sqrt is np.sqrt


@pytest.mark.parametrize(("grows", "captures"), [((1,), 2), ((1, 2), 3), ((1, 2, 3), 3)])
def test_a_capture_that_needed_more_memory_is_thrown_away(cublas, grows, captures):
    stream, done = Stream(), []
    total, body = _body(stream, done)
    stream.grows = grows
    captured = graphs.Captured(stand_in(stream), np, body)
    for call in range(1, 8):
        captured()
        assert total[0] == call
    assert stream.captures == captures
    # The first call, each capture, and what followed those that were thrown away; the rest are replays.
    begun = [xp for xp in done if xp is not None]
    assert len(begun) == 1 + captures + (6 if len(grows) == 3 else len(grows))


def test_nothing_is_collected_during_a_capture_and_all_is_given_back_at_the_end(cublas):
    stream, done = Stream(), []
    _, body = _body(stream, done)
    gc.collect()
    before, collecting = ctypes.c_int.in_dll(cublas, "live").value, []
    captured = graphs.Captured(stand_in(stream), np, lambda xp: (collecting.append(gc.isenabled()), body(xp)))
    captured()
    captured()
    assert collecting == [True, False]
    assert gc.isenabled()
    assert captured.pool_bytes == 7
    captured.close()
    assert stream.pool.freed == 1
    assert ctypes.c_int.in_dll(cublas, "live").value == before


def test_work_that_cannot_be_captured_is_done_all_the_same(cublas):
    stream, done = Stream(), []
    total, body = _body(stream, done)
    stream.fails = True
    captured = graphs.Captured(stand_in(stream), np, body)
    captured()
    with pytest.warns(RuntimeWarning, match=r"^no CUDA graph: cudaErrorStreamCaptureInvalidated: operation failed;"):
        captured()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        captured()
    assert (total[0], stream.captures) == (3, 1)


def test_without_cublas_nothing_is_captured(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    stream, done = Stream(), []
    total, body = _body(stream, done)
    captured = graphs.Captured(stand_in(stream), np, body)
    with pytest.warns(RuntimeWarning, match=r"^no CUDA graph: libcublas.so.13: cannot open shared object file;"):
        captured()
    captured()
    assert (total[0], stream.captures, done) == (2, 0, [np, np])


def test_a_training_through_graphs_is_the_same_bit_for_bit(cublas, monkeypatch):
    network = networks.fully_connected((16,), widths=(8,))
    rng = np.random.default_rng(1)
    # 11 = 4 + 4 + 3: minibatches of two sizes, each with a graph of its own.
    X, y = rng.standard_normal((11, 16)), rng.choice([-1.0, 1.0], 11)
    expected = networks.train(network, network.init(0), X, y, 0.01, batch=4, epochs=4)
    made = []

    def repeated(xp, like, body):
        steps = next(cell.cell_contents for cell in body.__closure__ if isinstance(cell.cell_contents, Steps))
        # What is captured is not done: the stand-in puts back all that a step writes to and that stays.
        stream = Stream([steps._theta, steps._latest])
        stream.body = lambda: body(xp)
        made.append(stream)
        return graphs.Captured(stand_in(stream), xp, body)

    monkeypatch.setattr(graphs, "repeated", repeated)
    # NumPy's own products: the stand-in for cuBLAS sums in another order.
    monkeypatch.setattr(graphs.Captured, "_prepare", lambda captured: setattr(captured, "_ready", True))
    found = networks.train(network, network.init(0), X, y, 0.01, batch=4, epochs=4)
    assert [stream.captures for stream in made] == [1, 1]
    np.testing.assert_array_equal(found.theta, expected.theta)
    assert found.column("minibatch_loss").tolist()[1:] == expected.column("minibatch_loss").tolist()[1:]


has_card = importlib.util.find_spec("cupy") is not None and importlib.import_module("cupy").cuda.is_available()


@pytest.mark.gpu
@pytest.mark.skipif(not has_card, reason="needs a CUDA device and CuPy")
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", ["CNN", "ResNet-20", "VGG"])
def test_on_a_card_a_captured_training_is_that_of_the_cpu(name, kind):
    cupy = importlib.import_module("cupy")
    network = {"CNN": networks.convolutional, "ResNet-20": networks.resnet, "VGG": networks.vgg}[name]()
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((72, 3, 32, 32)).astype(kind), rng.choice([-1.0, 1.0], 72).astype(kind)
    theta0 = network.init(0).astype(kind)
    with warnings.catch_warnings():
        # A step that cannot be captured is a failure here.
        warnings.simplefilter("error")
        found = networks.train(network, *map(cupy.asarray, (theta0, X, y)), 1e-3, batch=16, epochs=4)
    expected = networks.train(network, theta0, X, y, 1e-3, batch=16, epochs=4)
    tolerance = 1e-9 if kind == "float64" else 1e-3
    moved = np.linalg.norm(expected.theta - theta0)
    assert np.linalg.norm(found.theta.get() - expected.theta) <= tolerance * moved
    np.testing.assert_allclose(
        found.column("minibatch_loss")[1:], expected.column("minibatch_loss")[1:], rtol=tolerance
    )


@pytest.mark.gpu
@pytest.mark.skipif(not has_card, reason="needs a CUDA device and CuPy")
def test_on_a_card_memory_of_a_graph_is_not_given_to_others():
    cupy = importlib.import_module("cupy")
    xp = array_api_compat.array_namespace(cupy.empty(0))
    rng = np.random.default_rng(3)
    A, total = cupy.asarray(rng.standard_normal((300, 300))), cupy.zeros((300, 300))

    def body(xp):
        total[...] += xp.matmul(A, xp.matmul(A, A) + 1)

    with graphs.own_stream(A):
        work = graphs.repeated(xp, A, body)
        kept = []
        for _ in range(20):
            work()
            kept.append(cupy.full((300, 300), 7.0))
        work.close()
    assert all(bool((each == 7).all()) for each in kept)
    host = A.get()
    np.testing.assert_allclose(total.get(), 20 * host @ (host @ host + 1), rtol=1e-9, atol=1e-7)


def test_own_stream_is_waited_for_before_and_after(monkeypatch):
    events = []

    class Named:
        def __init__(self, name):
            self.name = name

        def synchronize(self):
            events.append(f"wait for {self.name}")

        def __enter__(self):
            events.append(f"enter {self.name}")

        def __exit__(self, *error):
            events.append(f"leave {self.name}")

    own = Named("own")
    cuda = SimpleNamespace(
        get_current_stream=lambda: Named("before"), Stream=lambda non_blocking: own if non_blocking else None
    )
    pool = SimpleNamespace(free_all_blocks=lambda stream: events.append(f"free what {stream.name} had"))
    cupy = SimpleNamespace(cuda=cuda, get_default_memory_pool=lambda: pool)
    monkeypatch.setattr(graphs.importlib, "import_module", lambda name: cupy)
    like = SimpleNamespace(device=Named("card"))
    with pytest.raises(simulate.InputError), graphs.own_stream(like):
        raise simulate.InputError("x")
    assert events == [
        *("enter card", "wait for before", "enter own", "wait for own", "free what own had", "leave own", "leave card"),
    ]
