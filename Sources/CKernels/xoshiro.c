#include "kernels.h"
#include <limits.h>
#include <pthread.h>

// Eight xoshiro256++ generators, advanced together; see CKernels.h for the law.

typedef uint64_t w8 __attribute__((vector_size(64)));
enum { LANES = 8, GROUP = 16, STREAM_LOG2 = 192, LANE_LOG2 = STREAM_LOG2 - 3, SEED_BITS = 64 };

#define load_words(p) ({ w8 w_; memcpy(&w_, (p), sizeof w_); w_; })
#define store_words(p, v) ({ w8 w_ = (v); memcpy((p), &w_, sizeof w_); })

struct source {
  uint64_t state[4][LANES];
  uint64_t words[LANES];  // the last outputs, of which the last words_left have not been read
  double normals[GROUP];  // the last group, of which the last normals_left have not been read
  uint32_t words_left, normals_left;
};

/// The state goes to vectors for a bulk fill, and back.
WB_INLINE void open(const struct source *source, w8 *s) {
  for (int i = 0; i < 4; i++) s[i] = load_words(source->state[i]);
}
WB_INLINE void save(struct source *source, const w8 *s) {
  for (int i = 0; i < 4; i++) store_words(source->state[i], s[i]);
}

/// The linear map of xoshiro256 on eight states.
WB_INLINE void step(w8 *s) {
  w8 t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = s[3] << 45 | s[3] >> 19;
}

/// The next eight outputs.
WB_INLINE void next(w8 *s, w8 *words) {
  w8 sum = s[0] + s[3];
  *words = (sum << 23 | sum >> 41) + s[0];
  step(s);
}

// Polynomials over GF(2) ----------------------------------------------------------------------------------------
// A state t steps on is x^t applied to it, x^t taken modulo the characteristic polynomial of the step. Coefficient k is
// bit k % 64 of word k / 64.

/// The characteristic polynomial, without x^256: by Berlekamp and Massey's algorithm from 1200 lowest bits of s[0].
static const uint64_t characteristic[4] = {0x9d116f2bb0f0f001, 0x0280002bcefd1a5e, 0x04b4edcf26259f85,
                                           0x0003c03c3f3ecb19};

/// The multiples of a by the polynomials of degree 3 and less.
static void multiples(const uint64_t *a, uint64_t m[16][4]) {
  memset(m[0], 0, sizeof m[0]);
  for (int i = 1; i < 16; i++) {
    const uint64_t *half = m[i / 2];
    uint64_t wrap = -(half[3] >> 63), odd = -(uint64_t)(i & 1);
    for (int j = 0; j < 4; j++)
      m[i][j] = (half[j] << 1 | (j ? half[j - 1] >> 63 : 0)) ^ (wrap & characteristic[j]) ^ (odd & a[j]);
  }
}

void wb_xoshiro256_multiply(const uint64_t *a, const uint64_t *b, uint64_t *product) {
  // Horner's rule in x^4. The characteristic polynomial's own multiples by degree 3 are below x^256.
  uint64_t of_a[16][4], of_characteristic[16][4], r[4] = {0};
  multiples(a, of_a);
  multiples(characteristic, of_characteristic);
  for (int bit = 252; bit >= 0; bit -= 4) {
    const uint64_t *high = of_characteristic[r[3] >> 60], *low = of_a[b[bit / 64] >> bit % 64 & 15];
    for (int j = 3; j >= 0; j--) r[j] = (r[j] << 4 | (j ? r[j - 1] >> 60 : 0)) ^ high[j] ^ low[j];
  }
  memcpy(product, r, sizeof r);
}

WB_CLONES void wb_xoshiro256x8_apply(const uint64_t *polynomial, uint64_t *states) {
  w8 s[4], sum[4] = {0};
  for (int i = 0; i < 4; i++) s[i] = load_words(states + i * LANES);
  for (int bit = 0; bit < 256; bit++) {
    if (polynomial[bit / 64] >> bit % 64 & 1)
      for (int i = 0; i < 4; i++) sum[i] ^= s[i];
    step(s);
  }
  for (int i = 0; i < 4; i++) store_words(states + i * LANES, sum[i]);
}

// Streams -------------------------------------------------------------------------------------------------------

/// x^(n 2^(192 + 4 j)) for each n < 16 and digit j of a seed, and the lanes of seed 0.
static uint64_t seed_powers[SEED_BITS / 4][16][4], first_stream[4][LANES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
  // The first four outputs of SplitMix64 from state 0.
  static const uint64_t origin[4] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec};
  uint64_t power[4] = {2}, lane_step[4], lane[4] = {1};
  for (int k = 0; k < STREAM_LOG2 + SEED_BITS; k++) {
    if (k == LANE_LOG2) memcpy(lane_step, power, sizeof power);
    if (k >= STREAM_LOG2 && k % 4 == 0) {
      uint64_t(*row)[4] = seed_powers[(k - STREAM_LOG2) / 4];
      memcpy(row[0], (uint64_t[4]){1}, sizeof row[0]);
      for (int n = 1; n < 16; n++) wb_xoshiro256_multiply(row[n - 1], power, row[n]);
    }
    wb_xoshiro256_multiply(power, power, power);
  }
  for (int l = 0; l < LANES; l++) {
    uint64_t state[4][LANES];
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < LANES; j++) state[i][j] = origin[i];
    wb_xoshiro256x8_apply(lane, state[0]);
    for (int i = 0; i < 4; i++) first_stream[i][l] = state[i][l];
    wb_xoshiro256_multiply(lane, lane_step, lane);
  }
}

/// jump *= x^(seed 2^192), for the digits from `first` up to `last`.
static void jump_by(uint64_t seed, int first, int last, uint64_t *jump) {
  for (int j = first; j < last; j++) {
    unsigned digit = seed >> 4 * j & 15;
    if (digit) wb_xoshiro256_multiply(jump, seed_powers[j][digit], jump);
  }
}

/// Streams are asked for in runs of consecutive seeds: the jumps of their high digits are kept, by thread.
enum { LOW_DIGITS = 2, KEPT = 8 };
static _Thread_local struct {
  uint64_t high, jump[4];
} kept[KEPT];
static _Thread_local unsigned oldest;

static void set(void *memory, unsigned long seed) {
  pthread_once(&once, prepare);
  struct source *source = memory;
  memset(source, 0, sizeof *source);
  memcpy(source->state, first_stream, sizeof first_stream);
  if (seed == 0) return;
  uint64_t high = (uint64_t)seed >> 4 * LOW_DIGITS, jump[4] = {1};
  unsigned i = 0;
  while (i < KEPT && kept[i].high != high) i++;
  if (high && i == KEPT) {
    i = oldest++ % KEPT;
    jump_by(seed, LOW_DIGITS, SEED_BITS / 4, jump);
    kept[i].high = high;
    memcpy(kept[i].jump, jump, sizeof jump);
  } else if (high) {
    memcpy(jump, kept[i].jump, sizeof jump);
  }
  jump_by(seed, 0, LOW_DIGITS, jump);
  wb_xoshiro256x8_apply(jump, source->state[0]);
}

WB_CLONES static void refill(struct source *source) {
  w8 s[4], words;
  open(source, s);
  next(s, &words);
  save(source, s);
  store_words(source->words, words);
  source->words_left = LANES;
}

static inline uint64_t take(struct source *source) {
  if (source->words_left == 0) refill(source);
  return source->words[LANES - source->words_left--];
}

static unsigned long get(void *memory) { return take(memory); }
static double get_double(void *memory) { return (double)(take(memory) >> 11) * 0x1p-53; }

static const gsl_rng_type type = {"xoshiro256x8", ULONG_MAX, 0, sizeof(struct source), set, get, get_double};
const gsl_rng_type *wb_xoshiro256x8(void) { return &type; }

// Bulk fills ----------------------------------------------------------------------------------------------------

WB_CLONES static void fill_uniform_groups(struct source *source, double *out, size_t groups) {
  w8 s[4], words;
  open(source, s);
  for (size_t g = 0; g < groups; g++) {
    next(s, &words);
    store8(out + g * LANES, __builtin_convertvector(words >> 11, v8) * 0x1p-53);
  }
  save(source, s);
}

void wb_fill_uniform_xoshiro256x8(const gsl_rng *rng, double *out, size_t n) {
  struct source *source = rng->state;
  for (; n > 0 && source->words_left > 0; n--) *out++ = get_double(source);
  fill_uniform_groups(source, out, n / LANES);
  for (size_t i = n - n % LANES; i < n; i++) out[i] = get_double(source);
}

/// Box and Muller's transformation of eight pairs of words. The polynomials are minimax fits of relative error below
/// 2^-57.6 (log), 2^-58 (sin) and 2^-64 (cos).
WB_INLINE void box_muller(const w8 *radius_words, const w8 *angle_words, double *out) {
  // L = -2 log u, u = d / 2^64 with d odd before it is rounded to 53 bits; d = 2^k m, m in [sqrt(1/2), sqrt(2));
  // log m = 2 atanh(t), t = (m - 1)/(m + 1).
  const uint64_t root_half = 0x3fe6a09e667f3bcd;
  w8 above = (w8)__builtin_convertvector(*radius_words | 1, v8) - root_half;
  v8 k = (v8)(above >> 52 | 0x4330000000000000);  // 2^52 + k
  v8 m = (v8)((above & 0x000fffffffffffff) + root_half);
  v8 t = (m - 1.0) / (m + 1.0), w = t * t;
  v8 p = all8(-2 * 0x1.2b5f0a9da627fp-3);
  p = horner8(p, w, -2 * 0x1.39fdc7d839b02p-3);
  p = horner8(p, w, -2 * 0x1.7462b9b805ce7p-3);
  p = horner8(p, w, -2 * 0x1.c71c62d1c693bp-3);
  p = horner8(p, w, -2 * 0x1.2492492e02b16p-2);
  p = horner8(p, w, -2 * 0x1.999999999522ep-2);
  p = horner8(p, w, -2 * 0x1.5555555555558p-1);
  p = horner8(p, w, -4.0);
  v8 radius = __builtin_elementwise_sqrt(fma8(0x1p52 + 64.0 - k, all8(0x1.62e42fefa39efp+0), t * p));

  // The angle pi/2 (q + v/2): q is the two highest bits of the word, v in (-1, 1) an odd multiple of 2^-52 from the 52
  // bits after them.
  w8 a = *angle_words;
  v8 v = ((v8)(a << 2 >> 12 | 0x4000000000000000) - 3.0) + 0x1p-52, z = v * v;
  v8 s = all8(0x1.e3eed5cea8451p-38);
  s = horner8(s, z, -0x1.e30063a02ae97p-30);
  s = horner8(s, z, 0x1.50782fca38bb2p-22);
  s = horner8(s, z, -0x1.32d2cce2d5361p-15);
  s = horner8(s, z, 0x1.466bc67758700p-9);
  s = horner8(s, z, -0x1.4abbce625be41p-4);
  s = horner8(s, z, 0x1.921fb54442d18p-1);
  s = s * v;
  v8 c = all8(-0x1.b2586b949f049p-42);
  c = horner8(c, z, 0x1.f9cc15d505c7fp-34);
  c = horner8(c, z, -0x1.a6d1ec3d47ef8p-26);
  c = horner8(c, z, 0x1.e1f5068303f23p-19);
  c = horner8(c, z, -0x1.55d3c7e3c8d5cp-12);
  c = horner8(c, z, 0x1.03c1f081b5aaap-6);
  c = horner8(c, z, -0x1.3bd3cc9be45dep-2);
  c = horner8(c, z, 1.0);
  // (c, s), (-s, c), (-c, -s), (s, -c) for q = 0, 1, 2, 3.
  const uint64_t sign = 0x8000000000000000;
  i8 odd = (i8)(a << 1) < 0;
  v8 x = select8(odd, s, c), y = select8(odd, c, s);
  store8(out, radius * (v8)((w8)x ^ ((a ^ a << 1) & sign)));
  store8(out + LANES, radius * (v8)((w8)y ^ (a & sign)));
}

WB_CLONES void wb_box_muller(const uint64_t *words, double *normals) {
  w8 radius = load_words(words), angle = load_words(words + LANES);
  box_muller(&radius, &angle, normals);
}

WB_CLONES static void fill_normal_groups(struct source *source, double *out, size_t groups) {
  w8 s[4], radius, angle;
  open(source, s);
  for (size_t g = 0; g < groups; g++) {
    next(s, &radius);
    next(s, &angle);
    box_muller(&radius, &angle, out + g * GROUP);
  }
  save(source, s);
}

/// Whole groups from wherever the source stands.
static void fill_groups(struct source *source, double *out, size_t groups) {
  if (source->words_left == 0) {
    fill_normal_groups(source, out, groups);
    return;
  }
  for (size_t g = 0; g < groups; g++) {
    uint64_t words[GROUP];
    for (int i = 0; i < GROUP; i++) words[i] = take(source);
    wb_box_muller(words, out + g * GROUP);
  }
}

void wb_fill_normal_xoshiro256x8(const gsl_rng *rng, double *out, size_t n) {
  struct source *source = rng->state;
  size_t kept = n < source->normals_left ? n : source->normals_left;
  memcpy(out, source->normals + GROUP - source->normals_left, kept * sizeof(double));
  source->normals_left -= kept;
  out += kept;
  n -= kept;
  fill_groups(source, out, n / GROUP);
  size_t rest = n % GROUP;
  if (rest == 0) return;
  fill_groups(source, source->normals, 1);
  memcpy(out + n - rest, source->normals, rest * sizeof(double));
  source->normals_left = GROUP - rest;
}
