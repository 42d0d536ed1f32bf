// One step of SGD for each family of models, and their outputs: the algorithms of kernels/linear.py,
// kernels/overparametrised.py and kernels/two_layer.py. A team of threads shares the columns of a matrix where sums run
// down, its rows where they run across.

#define LINEAR 0
#define DIAGONAL 1
#define DEEP_LINEAR 2
#define VALLEY 3
#define TWO_LAYER 4

// A residual beyond this ends a path: its square would soon overflow.
#define LIMIT 1e150

// A model as `packing.Layout` describes it: ``shape`` and ``constants`` of the family, entries of packed parameters.
struct Model {
    const int* shape;
    int shape_size;
    const REAL* constants;
    int size;
};

struct Minibatch {
    Rows rows;
    int count;
    const REAL* targets;
    double rate;
};

// Turns outputs into −(rate/count)(output − target); says whether all residuals are within the limit. The outputs must
// be complete.
__device__ inline bool turn_into_coefficients(Team team, Minibatch batch, REAL* outputs) {
    bool within = true;
    for (int b = team.thread; b < batch.count; b += team.threads) {
        REAL residual = outputs[b] - batch.targets[b];
        within = within && fabs(double(residual)) < LIMIT;
        outputs[b] = REAL(-batch.rate / batch.count) * residual;
    }
    within = team.all(within);
    team.sync();
    return within;
}

__device__ inline bool linear_step(Team team, REAL* theta, Minibatch batch, REAL* scratch) {
    dots(team, batch.rows, batch.count, theta, scratch);
    team.sync();
    if (!turn_into_coefficients(team, batch, scratch)) return false;
    for (int j = team.thread; j < batch.rows.d; j += team.threads) {
        theta[j] += column_sum(batch.rows, batch.count, scratch, j);
    }
    return true;
}

// F(θ) = α² − β² or α ∘ β.
__device__ inline void diagonal_weights(Team team, const REAL* theta, bool product, int d, REAL* weights) {
    for (int j = team.thread; j < d; j += team.threads) {
        REAL alpha = theta[j], beta = theta[d + j];
        weights[j] = product ? alpha * beta : (alpha + beta) * (alpha - beta);
    }
    team.sync();
}

__device__ inline bool diagonal_step(Team team, REAL* theta, Minibatch batch, bool product, REAL* scratch) {
    int d = batch.rows.d;
    REAL *outputs = scratch, *weights = scratch + padded_size(batch.count);
    diagonal_weights(team, theta, product, d, weights);
    dots(team, batch.rows, batch.count, weights, outputs);
    team.sync();
    if (!turn_into_coefficients(team, batch, outputs)) return false;
    for (int j = team.thread; j < d; j += team.threads) {
        REAL alpha = theta[j], beta = theta[d + j], gradient = column_sum(batch.rows, batch.count, outputs, j);
        theta[j] = alpha + (product ? beta * gradient : 2 * alpha * gradient);
        theta[d + j] = beta + (product ? alpha * gradient : -2 * beta * gradient);
    }
    return true;
}

// Writes the left vectors W_L ⋯ W_{l+1} for l = L, …, 0, one after the other; returns where the last, F(θ), is. The
// shape has the numbers of inputs of the layers, and the number of outputs, 1.
__device__ inline int deep_lefts(Team team, const REAL* theta, Model model, REAL* lefts) {
    int start = model.size, here = 0;
    for (int j = team.thread; j < LINE; j += team.threads) lefts[j] = j == 0 ? 1 : 0;
    team.sync();
    for (int layer = model.shape_size - 2; layer >= 0; --layer) {
        int out = model.shape[layer + 1], into = padded_size(model.shape[layer]);
        int after = here + padded_size(out);
        start -= out * into;
        for (int j = team.thread; j < into; j += team.threads) {
            REAL total = 0;
            for (int k = 0; k < out; ++k) total += lefts[here + k] * theta[start + k * into + j];
            lefts[after + j] = total;
        }
        here = after;
        team.sync();
    }
    return here;
}

// Moves one layer W by left ⊗ right and writes W right, from before the move.
__device__ inline void deep_layer(
    Team team, REAL* layer, int out, int into, const REAL* left, const REAL* right, REAL* next_right) {
    for (int k = team.warp; k < padded_size(out); k += team.warps) {
        REAL part = 0;
        for (int j = team.lane; k < out && j < into; j += 32) {
            REAL weight = layer[k * into + j];
            part += weight * right[j];
            layer[k * into + j] = weight + left[k] * right[j];
        }
        REAL total = warp_sum(part);
        if (team.lane == 0) next_right[k] = total;
    }
    team.sync();
}

__device__ inline bool deep_step(Team team, REAL* theta, Minibatch batch, Model model, REAL* scratch) {
    int d = batch.rows.d, lefts_size = 0, widest = 0, start = 0;
    for (int i = 0; i < model.shape_size; ++i) {
        lefts_size += padded_size(model.shape[i]);
        widest = max(widest, padded_size(model.shape[i]));
    }
    REAL *outputs = scratch, *lefts = scratch + padded_size(batch.count);
    REAL *right = lefts + lefts_size, *next_right = right + widest;
    int here = deep_lefts(team, theta, model, lefts);
    dots(team, batch.rows, batch.count, lefts + here, outputs);
    team.sync();
    if (!turn_into_coefficients(team, batch, outputs)) return false;
    for (int j = team.thread; j < d; j += team.threads) right[j] = column_sum(batch.rows, batch.count, outputs, j);
    team.sync();
    for (int layer = 0; layer < model.shape_size - 1; ++layer) {
        int out = model.shape[layer + 1], into = padded_size(model.shape[layer]);
        here -= padded_size(out);
        deep_layer(team, theta + start, out, into, lefts + here, right, next_right);
        REAL* before = right;
        right = next_right;
        next_right = before;
        start += out * into;
    }
    return true;
}

// F(a, b) = b/√(a² + 1).
__device__ inline REAL valley_weight(const REAL* theta) {
    return theta[1] / sqrt(theta[0] * theta[0] + 1);
}

__device__ inline bool valley_step(Team team, REAL* theta, Minibatch batch, REAL* scratch) {
    REAL weight = valley_weight(theta), a = theta[0], norm = sqrt(a * a + 1);
    for (int b = team.thread; b < batch.count; b += team.threads) scratch[b] = batch.rows.row(b)[0] * weight;
    team.sync();
    if (!turn_into_coefficients(team, batch, scratch)) return false;
    if (team.warp == 0) {
        REAL part = 0;
        for (int b = team.lane; b < batch.count; b += 32) part += scratch[b] * batch.rows.row(b)[0];
        REAL gradient = warp_sum(part);
        if (team.lane == 0) {
            theta[0] = a - gradient * a * weight / (norm * norm);
            theta[1] += gradient / norm;
        }
    }
    return true;
}

// σ(z) and σ'(z): leaky ReLU, or its smooth version.
__device__ inline void activation(REAL z, REAL slope, bool smooth, REAL* value, REAL* derivative) {
    if (!smooth) {
        *value = z > 0 ? z : slope * z;
        *derivative = z > 0 ? REAL(1) : slope;
        return;
    }
    REAL decayed = exp(-fabs(z));
    REAL rising = (z > 0 ? REAL(1) : decayed) / (1 + decayed);
    *value = slope * z + (1 - slope) * (log1p(decayed) + (z > 0 ? z : REAL(0)));
    *derivative = slope + (1 - slope) * rising;
}

// A two-layer network. ``theta`` has the padded inner weights neuron by neuron, then trained outer weights;
// ``constants`` the slope, then fixed outer weights.
struct TwoLayer {
    int width, d;
    bool smooth, train_outer;
    REAL slope;
    REAL* inner;
    REAL* outer;

    __device__ TwoLayer(Model model, REAL* theta, int d)
        : width(model.shape[0]), d(d), smooth(model.shape[1] == 1), train_outer(model.shape[2] == 1),
          slope(model.constants[0]), inner(theta),
          outer(train_outer ? theta + width * d : const_cast<REAL*>(model.constants) + 1) {}
};

// Writes activations and their derivatives, shape (count, stride), and then outputs.
__device__ inline void forward(
    Team team, TwoLayer network, Minibatch batch, int stride, REAL* values, REAL* slopes, REAL* outputs) {
    for (int k = team.warp; k < network.width; k += team.warps) {
        for (int first = 0; first < batch.count; first += 8) {
            int here = min(8, batch.count - first);
            REAL z = several_dots(batch.rows, first, here, network.inner + k * network.d, team.lane);
            int own = owned(here, team.lane), place = (first + own) * stride + k;
            if (own >= 0) activation(z, network.slope, network.smooth, values + place, slopes + place);
        }
    }
    team.sync();
    for (int b = team.warp; b < batch.count; b += team.warps) {
        REAL part = 0;
        for (int k = team.lane; k < network.width; k += 32) part += network.outer[k] * values[b * stride + k];
        REAL output = warp_sum(part);
        if (team.lane == 0) outputs[b] = output;
    }
    team.sync();
}

// Moves neuron k and its outer weight, by one warp.
__device__ inline void move_neuron(
    int lane, TwoLayer network, Minibatch batch, int k, int stride, const REAL* coefficients, const REAL* values,
    REAL* slopes) {
    REAL weight = network.outer[k], part = 0;
    for (int b = lane; b < batch.count; b += 32) {
        part += coefficients[b] * values[b * stride + k];
        slopes[b * stride + k] *= coefficients[b] * weight;
    }
    REAL change = warp_sum(part);
    __syncwarp(ALL_LANES);
    for (int j = lane; j < network.d; j += 32) {
        REAL total = 0;
        for (int b = 0; b < batch.count; ++b) total += slopes[b * stride + k] * batch.rows.row(b)[j];
        network.inner[k * network.d + j] += total;
    }
    if (network.train_outer && lane == 0) network.outer[k] += change;
}

__device__ inline bool two_layer_step(Team team, REAL* theta, Minibatch batch, Model model, REAL* scratch) {
    TwoLayer network(model, theta, batch.rows.d);
    int stride = padded_size(network.width);
    REAL *outputs = scratch, *values = scratch + padded_size(batch.count), *slopes = values + stride * batch.count;
    forward(team, network, batch, stride, values, slopes, outputs);
    if (!turn_into_coefficients(team, batch, outputs)) return false;
    for (int k = team.warp; k < network.width; k += team.warps) {
        move_neuron(team.lane, network, batch, k, stride, outputs, values, slopes);
    }
    return true;
}

// Updates a model by one minibatch; leaves it and returns false where a residual is beyond the limit.
__device__ inline bool take_step(Team team, REAL* theta, Minibatch batch, Model model, REAL* scratch) {
#if FAMILY == LINEAR
    bool within = linear_step(team, theta, batch, scratch);
#elif FAMILY == DIAGONAL
    bool within = diagonal_step(team, theta, batch, model.shape[0] == 1, scratch);
#elif FAMILY == DEEP_LINEAR
    bool within = deep_step(team, theta, batch, model, scratch);
#elif FAMILY == VALLEY
    bool within = valley_step(team, theta, batch, scratch);
#else
    bool within = two_layer_step(team, theta, batch, model, scratch);
#endif
    team.sync();
    return within;
}

// Writes the outputs of a two-layer network, eight samples at a time.
__device__ inline void two_layer_outputs(Team team, TwoLayer network, Rows rows, int count, REAL* out) {
    for (int first = 8 * team.warp; first < count; first += 8 * team.warps) {
        int here = min(8, count - first);
        REAL total = 0;
        for (int k = 0; k < network.width; ++k) {
            REAL z = several_dots(rows, first, here, network.inner + k * network.d, team.lane), value, derivative;
            activation(z, network.slope, network.smooth, &value, &derivative);
            total += network.outer[k] * value;
        }
        int own = owned(here, team.lane);
        if (own >= 0) out[first + own] = total;
    }
}

// Writes the outputs of a model on samples.
__device__ inline void write_outputs(
    Team team, REAL* theta, Model model, Rows rows, int count, REAL* scratch, REAL* out) {
#if FAMILY == TWO_LAYER
    two_layer_outputs(team, TwoLayer(model, theta, rows.d), rows, count, out);
    return;
#endif
    const REAL* weights = scratch;
#if FAMILY == LINEAR
    weights = theta;
#elif FAMILY == DIAGONAL
    diagonal_weights(team, theta, model.shape[0] == 1, rows.d, scratch);
#elif FAMILY == DEEP_LINEAR
    weights += deep_lefts(team, theta, model, scratch);
#elif FAMILY == VALLEY
    for (int j = team.thread; j < rows.d; j += team.threads) scratch[j] = j == 0 ? valley_weight(theta) : REAL(0);
    team.sync();
#endif
    dots(team, rows, count, weights, out);
}
