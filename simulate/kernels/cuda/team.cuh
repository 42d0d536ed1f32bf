// A team carries one replica: one warp, or several warps that are a block of their own. What a team computes does not
// depend on the number of its warps, so that a replica's path depends on neither the card nor the launch.

#define ALL_LANES 0xFFFFFFFFu
#define LINE 8

struct Team {
    int lane, warp, warps, thread, threads;

    __device__ Team()
        : lane(threadIdx.x), warp(threadIdx.y), warps(blockDim.y), thread(32 * warp + lane), threads(32 * warps) {}

    // Waits for the whole team; what its threads wrote before is seen by all of them afterwards.
    __device__ void sync() const {
        if (warps == 1) {
            __syncwarp(ALL_LANES);
        } else {
            __syncthreads();
        }
    }

    // Whether something holds for every thread of the team.
    __device__ bool all(bool holds) const {
        return warps == 1 ? __all_sync(ALL_LANES, holds) != 0 : __syncthreads_and(holds) != 0;
    }
};

// The number of this team among `teams()`: it carries the replicas of this number, this plus teams(), and so on.
__device__ inline long long team_number() {
    return (long long)blockIdx.x * blockDim.z + threadIdx.z;
}

__device__ inline long long teams() {
    return (long long)gridDim.x * blockDim.z;
}

__host__ __device__ inline int padded_size(int count) {
    return (count + LINE - 1) / LINE * LINE;
}

// Hands out parts of a team's memory.
struct Memory {
    char* free;

    template <class T>
    __device__ T* take(long long count) {
        T* part = (T*)free;
        free += (count * sizeof(T) + 15) / 16 * 16;
        return part;
    }
};

// The sum over a warp, for all its lanes.
__device__ inline REAL warp_sum(REAL part) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) part += __shfl_xor_sync(ALL_LANES, part, step);
    return part;
}

// Eight sums over a warp in nine exchanges rather than forty: at each step a lane hands half of its sums over. Lane l
// gets sum l/4, with the same bits as `warp_sum`.
__device__ inline REAL eight_warp_sums(REAL* parts, int lane) {
#pragma unroll
    for (int count = 4, step = 16; count > 0; count /= 2, step /= 2) {
        bool upper = lane & step;
#pragma unroll
        for (int i = 0; i < count; ++i) {
            REAL handed = upper ? parts[i] : parts[i + count];
            REAL kept = upper ? parts[i + count] : parts[i];
            parts[i] = kept + __shfl_xor_sync(ALL_LANES, handed, step);
        }
    }
    REAL sum = parts[0];
    sum += __shfl_xor_sync(ALL_LANES, sum, 2);
    return sum + __shfl_xor_sync(ALL_LANES, sum, 1);
}

// Some rows of a matrix with d columns; all of them, in their order, where there is no choice.
struct Rows {
    const REAL* entries;
    const int* chosen;
    int d;

    __device__ const REAL* row(int b) const { return entries + (long long)(chosen ? chosen[b] : b) * d; }
};

// Inner products of w with rows first, …, first + here − 1, here ≤ 8, by one warp; `owned` says of which row a lane has
// the product.
__device__ inline REAL several_dots(Rows rows, int first, int here, const REAL* w, int lane) {
    if (here == 1) {
        const REAL* x = rows.row(first);
        REAL part = 0;
#pragma unroll 4
        for (int j = lane; j < rows.d; j += 32) part += x[j] * w[j];
        return warp_sum(part);
    }
    const REAL* x[8];
    REAL parts[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        x[i] = rows.row(first + (i < here ? i : 0));
        parts[i] = 0;
    }
    for (int j = lane; j < rows.d; j += 32) {
        REAL v = w[j];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            if (i < here) parts[i] += x[i][j] * v;
        }
    }
    return eight_warp_sums(parts, lane);
}

// The row whose product a lane has to store, relative to the first; −1 for none.
__device__ inline int owned(int here, int lane) {
    if (here == 1) return lane == 0 ? 0 : -1;
    return lane % 4 == 0 && lane / 4 < here ? lane / 4 : -1;
}

// Writes out[b] = rows[b]·w for b < count.
__device__ inline void dots(Team team, Rows rows, int count, const REAL* w, REAL* out) {
    for (int first = 8 * team.warp; first < count; first += 8 * team.warps) {
        int here = min(8, count - first);
        REAL product = several_dots(rows, first, here, w, team.lane);
        int own = owned(here, team.lane);
        if (own >= 0) out[first + own] = product;
    }
}

// Σ_b coefficients[b] rows[b][j], b < count.
__device__ inline REAL column_sum(Rows rows, int count, const REAL* coefficients, int j) {
    REAL total = 0;
#pragma unroll 4
    for (int b = 0; b < count; ++b) total += coefficients[b] * rows.row(b)[j];
    return total;
}
