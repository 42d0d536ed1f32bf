// Runs CUDA kernels on a CPU, one block after the other and one fiber for each thread of a block. A fiber runs until it
// waits; a launch ends with an error where all fibers wait for each other. Shared memory is filled with NaN before a
// block and checked for writes beyond what was asked for after it. Races go unseen, but for those that show when the
// fibers run in the opposite order.
#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
using std::exp, std::fabs, std::log, std::log1p, std::max, std::min, std::sqrt;

struct Dimensions {
    int x, y, z;
};
static Dimensions threadIdx, blockIdx, blockDim, gridDim;
alignas(128) unsigned char shared_memory[512 * 1024];

namespace emulation {

struct Barrier {
    int size = 0, arrived = 0, passed = 0, votes = 0, verdict = 0;
};

struct Fiber {
    ucontext_t start;
    jmp_buf context;
    std::vector<char> stack = std::vector<char>(64 * 1024);
    Dimensions place;
    Barrier* warp;
    bool started, ended;
    int turn;
};

static std::vector<Fiber> fibers;
static std::vector<Barrier> warps;
static std::vector<double> exchanged[2];
static Barrier block;
static jmp_buf scheduler;
static int current;
static bool progress;
static void (*body)(void*);
static void* body_arguments;

inline void wait(Barrier& barrier, int vote = 1) {
    int passed = barrier.passed;
    progress = true;
    barrier.votes += vote != 0;
    if (++barrier.arrived == barrier.size) {
        barrier.verdict = barrier.votes == barrier.size;
        barrier.arrived = barrier.votes = 0;
        ++barrier.passed;
    }
    while (barrier.passed == passed) {
        if (_setjmp(fibers[current].context) == 0) _longjmp(scheduler, 1);
    }
    progress = true;
}

inline void run_fiber() {
    body(body_arguments);
    fibers[current].ended = progress = true;
    _longjmp(scheduler, 1);
}

// Goes on with a fiber until it waits or ends. Unlike swapcontext, jumps need no calls of the system.
inline void resume(Fiber& fiber) {
    threadIdx = fiber.place;
    if (_setjmp(scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.context, 1);
    fiber.started = true;
    setcontext(&fiber.start);
}

// Runs the fibers of a block in turn, from the first or from the last; false where all that are left wait.
inline bool run_block(bool backwards) {
    int count = fibers.size(), left = count;
    while (left > 0) {
        progress = false;
        left = 0;
        for (int i = 0; i < count; ++i) {
            current = backwards ? count - 1 - i : i;
            if (fibers[current].ended) continue;
            resume(fibers[current]);
            left += !fibers[current].ended;
        }
        if (!progress) return false;
    }
    return true;
}

inline void begin_block(Dimensions dimensions) {
    int count = dimensions.x * dimensions.y * dimensions.z;
    fibers.resize(count);
    for (auto& place : exchanged) place.resize(count);
    warps.assign(count / 32, Barrier());
    block = Barrier();
    block.size = count;
    for (int i = 0; i < count; ++i) {
        Fiber& fiber = fibers[i];
        int row = i / dimensions.x;
        fiber.place = {i % dimensions.x, row % dimensions.y, row / dimensions.y};
        fiber.warp = &warps[i / 32];
        fiber.warp->size = 32;
        fiber.started = fiber.ended = false;
        fiber.turn = 0;
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = fiber.stack.data();
        fiber.start.uc_stack.ss_size = fiber.stack.size();
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, run_fiber, 0);
    }
}

// 0 where the launch ended well, 1 where its threads waited for each other, 2 for a write beyond shared memory.
inline int run(Dimensions grid, Dimensions dimensions, size_t shared, bool backwards) {
    gridDim = grid;
    blockDim = dimensions;
    for (int b = 0; b < grid.x; ++b) {
        blockIdx = {b, 0, 0};
        begin_block(dimensions);
        size_t guarded = std::min(shared + 4096, sizeof shared_memory);
        memset(shared_memory, 0xFF, guarded);
        if (!run_block(backwards)) return 1;
        for (size_t i = shared; i < guarded; ++i) {
            if (shared_memory[i] != 0xFF) return 2;
        }
    }
    return 0;
}

// Calls a kernel with arguments that are given as CUDA's driver is given them: by their addresses.
template <class... Types, size_t... places>
void call(void (*kernel)(Types...), void** arguments, std::index_sequence<places...>) {
    kernel(*(Types*)arguments[places]...);
}

// 3 where a number of arguments or one of their sizes is not the kernel's.
template <class... Types>
int launch(
    void (*kernel)(Types...), Dimensions grid, Dimensions dimensions, size_t shared, bool backwards, int count,
    void** arguments, const int* sizes) {
    int expected[] = {int(sizeof(Types))...};
    if (count != int(sizeof...(Types)) || !std::equal(expected, expected + count, sizes)) return 3;
    auto given = std::make_pair(kernel, arguments);
    body_arguments = &given;
    body = [](void* given) {
        auto pair = (std::pair<void (*)(Types...), void**>*)given;
        call(pair->first, pair->second, std::index_sequence_for<Types...>());
    };
    return run(grid, dimensions, shared, backwards);
}

}  // namespace emulation

inline void __syncwarp(unsigned = ~0u) { emulation::wait(*emulation::fibers[emulation::current].warp); }
inline void __syncthreads() { emulation::wait(emulation::block); }

// A verdict stands until all have met again, so that nobody need wait until all have read it.
inline int __all_sync(unsigned, bool holds) {
    emulation::Barrier& barrier = *emulation::fibers[emulation::current].warp;
    emulation::wait(barrier, holds);
    return barrier.verdict;
}

inline int __syncthreads_and(bool holds) {
    emulation::wait(emulation::block, holds);
    return emulation::block.verdict;
}

// Exchanges take turns in two places for the same reason.
template <class Number>
Number __shfl_xor_sync(unsigned, Number value, int step) {
    emulation::Fiber& fiber = emulation::fibers[emulation::current];
    fiber.turn = 1 - fiber.turn;
    std::vector<double>& place = emulation::exchanged[fiber.turn];
    place[emulation::current] = value;
    __syncwarp();
    return Number(place[emulation::current ^ step]);
}

inline void sincospi(double x, double* sine, double* cosine) {
    *sine = std::sin(M_PI * x);
    *cosine = std::cos(M_PI * x);
}
