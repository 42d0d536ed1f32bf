// Random numbers from counters, word for word those of kernels/counters.py: Philox4x32-10 (Salmon et al., SC 2011),
// Lemire's reduction and Box and Muller's method.

typedef unsigned int Word;
typedef unsigned long long Wide;

enum Purpose : Word { MINIBATCHES = 0, LABELS = 1, INPUTS = 2 };

// Names the draws of one replica.
struct Stream {
    Word key0, key1, replica;
};

__device__ inline void philox4x32(Word* c, Word k0, Word k1) {
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        Wide p0 = Wide(c[0]) * 0xD2511F53u, p1 = Wide(c[2]) * 0xCD9E8D57u;
        c[0] = Word(p1 >> 32) ^ c[1] ^ k0;
        c[1] = Word(p1);
        c[2] = Word(p0 >> 32) ^ c[3] ^ k1;
        c[3] = Word(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

// The draws 4·block, …, 4·block + 3 of a stream.
__device__ inline void draw_four(Word* c, Stream stream, Purpose purpose, Wide block) {
    c[0] = Word(block);
    c[1] = Word(block >> 32);
    c[2] = stream.replica;
    c[3] = purpose;
    philox4x32(c, stream.key0, stream.key1);
}

// Turns two words into two independent standard normal numbers. Half a unit keeps the logarithm finite.
__device__ inline void box_muller(Word a, Word b, double* first, double* second) {
    const double unit = 1.0 / 4294967296.0;
    double radius = sqrt(-2.0 * log((a + 0.5) * unit)), sine, cosine;
    sincospi(2.0 * ((b + 0.5) * unit), &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

// Turns a word into an integer below a bound; no probability is off by more than 2⁻³².
__device__ inline int below(Word word, Word bound) {
    return int((Wide(word) * bound) >> 32);
}
