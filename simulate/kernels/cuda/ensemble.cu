// Loops over replicas and steps, as kernels/ensemble.py has them: SGD on minibatches of given samples or on fresh
// Gaussian inputs, the outputs of all replicas, and their components along directions.
//
// Mapping: blocks are (32, warps, teams). A team of warps carries a replica through all steps of a launch, then the next
// one; teams know nothing of each other. Where a replica's parameters and what a step needs fit in shared memory, they
// stay there, and a step of a linear model reads its B samples (B·d numbers, twice, from L2 and then from L1; X is
// shared by all replicas) and nothing else from beyond the multiprocessor. Larger replicas live in global memory, and a
// step then reads θ twice and writes it once.
//
// Macros: REAL is double or float, FAMILY a family of models, MAX_THREADS the largest block. Two such blocks fit on a
// multiprocessor of Hopper with next to no spilled registers; more would hide more latency but spill.

// How minibatches are chosen.
#define WITH_REPLACEMENT 0
#define WITHOUT_REPLACEMENT 1
#define EVERY_SAMPLE 2

// Where teams keep what they work on: parts of `bytes` bytes each, in shared memory where `memory` is null.
struct Workplace {
    bool resident;  // whether a replica's parameters are copied there
    char* memory;
    long long bytes;

    __device__ Memory mine() const {
        extern __shared__ __align__(16) unsigned char shared_memory[];
        if (memory) return Memory{memory + team_number() * bytes};
        return Memory{(char*)shared_memory + threadIdx.z * bytes};
    }
};

// One replica during a launch.
struct Replica {
    REAL* stored;
    REAL* theta;
    int size;

    __device__ Replica(Team team, REAL* all, long long r, int size, REAL* resident)
        : stored(all + r * size), theta(resident ? resident : stored), size(size) {
        copy(team, stored, theta);
    }

    __device__ void store(Team team) const { copy(team, theta, stored); }

    __device__ void copy(Team team, const REAL* from, REAL* to) const {
        for (int i = team.thread; from != to && i < size; i += team.threads) to[i] = from[i];
        team.sync();
    }
};

// Writes draws first, …, first + count − 1, in whole blocks of four; returns the index of the first.
__device__ inline int fill_words(Team team, Word* words, Wide first, int count, Stream stream, Purpose purpose) {
    Wide block = first / 4;
    int blocks = int((first + count + 3) / 4 - block);
    for (int i = team.thread; i < blocks; i += team.threads) draw_four(words + 4 * i, stream, purpose, block + i);
    return int(first - 4 * block);
}

// Writes standard normal draws in the same way.
__device__ inline int fill_normals(Team team, REAL* values, Wide first, int count, Stream stream, Purpose purpose) {
    Wide block = first / 4;
    int blocks = int((first + count + 3) / 4 - block);
    for (int i = team.thread; i < blocks; i += team.threads) {
        Word words[4];
        double drawn[4];
        draw_four(words, stream, purpose, block + i);
        box_muller(words[0], words[1], drawn, drawn + 1);
        box_muller(words[2], words[3], drawn + 2, drawn + 3);
#pragma unroll
        for (int j = 0; j < 4; ++j) values[4 * i + j] = REAL(drawn[j]);
    }
    return int(first - 4 * block);
}

// The b-th number of a shuffle of 0, 1, 2, … whose step c has exchanged places c and others[c]. The number is followed
// back through the steps, so that a minibatch is chosen by all threads at once and needs no array of n numbers.
__device__ inline int shuffled(const Word* others, int b) {
    Word place = others[b];
    for (int c = b - 1; c >= 0; --c) {
        if (others[c] == place) place = c;
    }
    return int(place);
}

// Chooses a minibatch from words, which it overwrites.
__device__ inline void choose(Team team, int* chosen, Word* words, int batch, int n, int selection) {
    if (selection == WITHOUT_REPLACEMENT) {
        for (int b = team.thread; b < batch; b += team.threads) words[b] = b + below(words[b], n - b);
        team.sync();
    }
    for (int b = team.thread; b < batch; b += team.threads) {
        if (selection == EVERY_SAMPLE) {
            chosen[b] = b;
        } else {
            chosen[b] = selection == WITHOUT_REPLACEMENT ? shuffled(words, b) : below(words[b], n);
        }
    }
}

// Advances models by SGD on minibatches of given samples. Words are drawn for `block` steps at a time. `diverged` has
// the step at which a path ended, −1 where it goes on.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) advance(
    const int* shape, int shape_size, const REAL* constants, int size, int scratch_size, REAL* theta,
    long long replicas, int resident, char* memory, long long bytes, const double* rates, int steps, int batch,
    double label_noise, Word key0, Word key1, Word first_replica, long long first_step, long long* diverged,
    const REAL* X, const REAL* y, int n, int d, int selection, int block) {
    Team team;
    Model model{shape, shape_size, constants, size};
    Memory own = Workplace{resident != 0, memory, bytes}.mine();
    REAL* place = resident ? own.take<REAL>(size) : nullptr;
    REAL *scratch = own.take<REAL>(scratch_size), *targets = own.take<REAL>(batch);
    REAL* noise = own.take<REAL>((long long)block * batch + LINE);
    Word* words = own.take<Word>((long long)block * batch + LINE);
    int* chosen = own.take<int>(batch);
    for (long long r = team_number(); r < replicas; r += teams()) {
        if (diverged[r] >= 0) continue;
        Stream stream{key0, key1, Word(first_replica + r)};
        Replica replica(team, theta, r, size, place);
        int start = 0, noise_start = 0;
        for (int s = 0; s < steps; ++s) {
            int at = s % block * batch;
            if (at == 0) {
                Wide first = Wide(first_step + s) * batch;
                int count = min(block, steps - s) * batch;
                if (label_noise > 0) noise_start = fill_normals(team, noise, first, count, stream, LABELS);
                if (selection != EVERY_SAMPLE) start = fill_words(team, words, first, count, stream, MINIBATCHES);
                team.sync();
            }
            choose(team, chosen, words + start + at, batch, n, selection);
            for (int b = team.thread; b < batch; b += team.threads) {
                targets[b] = y[chosen[b]];
                if (label_noise > 0) targets[b] += REAL(label_noise) * noise[noise_start + at + b];
            }
            team.sync();
            Minibatch minibatch{Rows{X, chosen, d}, batch, targets, rates[s]};
            if (!take_step(team, replica.theta, minibatch, model, scratch)) {
                if (team.thread == 0) diverged[r] = first_step + s;
                break;
            }
        }
        replica.store(team);
    }
}

// Scales rows of standard normal numbers and writes their targets, <teacher, x> plus noise.
__device__ inline void finish_fresh(
    Team team, REAL* rows, int d, int batch, const REAL* scales, const REAL* teacher, double label_noise,
    const REAL* noise, REAL* targets) {
    for (int b = team.warp; b < batch; b += team.warps) {
        REAL* x = rows + b * d;
        REAL part = 0;
        for (int j = team.lane; j < d; j += 32) {
            x[j] *= scales[j];
            part += x[j] * teacher[j];
        }
        REAL target = warp_sum(part);
        if (team.lane == 0) targets[b] = target + (label_noise > 0 ? REAL(label_noise) * noise[b] : REAL(0));
    }
    team.sync();
}

// Advances models by SGD on fresh inputs x ~ N(0, diag(scales²)), with targets <teacher, x> plus noise.
extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) advance_online(
    const int* shape, int shape_size, const REAL* constants, int size, int scratch_size, REAL* theta,
    long long replicas, int resident, char* memory, long long bytes, const double* rates, int steps, int batch,
    double label_noise, Word key0, Word key1, Word first_replica, long long first_step, long long* diverged,
    const REAL* scales, const REAL* teacher, int d) {
    Team team;
    Model model{shape, shape_size, constants, size};
    Memory own = Workplace{resident != 0, memory, bytes}.mine();
    REAL* place = resident ? own.take<REAL>(size) : nullptr;
    REAL *scratch = own.take<REAL>(scratch_size), *targets = own.take<REAL>(batch);
    REAL *noise = own.take<REAL>(batch + LINE), *rows = own.take<REAL>((long long)batch * d);
    for (long long r = team_number(); r < replicas; r += teams()) {
        if (diverged[r] >= 0) continue;
        Stream stream{key0, key1, Word(first_replica + r)};
        Replica replica(team, theta, r, size, place);
        for (int s = 0; s < steps; ++s) {
            Wide sample = Wide(first_step + s) * batch;
            int start = label_noise > 0 ? fill_normals(team, noise, sample, batch, stream, LABELS) : 0;
            // Padded rows hold whole blocks of four draws, so that the first is where the rows start.
            fill_normals(team, rows, sample * d, batch * d, stream, INPUTS);
            team.sync();
            finish_fresh(team, rows, d, batch, scales, teacher, label_noise, noise + start, targets);
            Minibatch minibatch{Rows{rows, nullptr, d}, batch, targets, rates[s]};
            if (!take_step(team, replica.theta, minibatch, model, scratch)) {
                if (team.thread == 0) diverged[r] = first_step + s;
                break;
            }
        }
        replica.store(team);
    }
}

// Writes the outputs of models on all samples, shape (replicas, n).
extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) outputs(
    const int* shape, int shape_size, const REAL* constants, int size, int scratch_size, REAL* theta,
    long long replicas, int resident, char* memory, long long bytes, const REAL* X, int n, int d, REAL* out) {
    Team team;
    Model model{shape, shape_size, constants, size};
    Memory own = Workplace{resident != 0, memory, bytes}.mine();
    REAL* place = resident ? own.take<REAL>(size) : nullptr;
    REAL* scratch = own.take<REAL>(scratch_size);
    for (long long r = team_number(); r < replicas; r += teams()) {
        Replica replica(team, theta, r, size, place);
        write_outputs(team, replica.theta, model, Rows{X, nullptr, d}, n, scratch, out + r * n);
        team.sync();
    }
}

// Writes inner products of vectors with directions, shape (replicas, K).
extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) project(
    const REAL* vectors, long long replicas, const REAL* directions, int K, int size, REAL* out) {
    Team team;
    for (long long r = team_number(); r < replicas; r += teams()) {
        dots(team, Rows{directions, nullptr, size}, K, vectors + r * size, out + r * K);
    }
}
