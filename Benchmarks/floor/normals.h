// Standard normals in bulk, from two generators.
#pragma once
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef __AVX512DQ__
#error "this program needs a processor with AVX-512"
#endif

typedef double v8 __attribute__((vector_size(64)));

static inline v8 all8(double x) { return (v8){x, x, x, x, x, x, x, x}; }
static inline double sum8(v8 a) { return _mm512_reduce_add_pd((__m512d)a); }

/// Zeroed, aligned to a vector.
static void *zeroed(size_t bytes) {
  size_t whole = (bytes + 63) / 64 * 64;
  void *room = aligned_alloc(64, whole);
  if (!room) abort();
  return memset(room, 0, whole);
}

/// Fills `count` normals and up to 15 more: buffers are padded.
typedef struct {
  void (*fill)(void *state, double *normals, size_t count);
  void *state;
} normals;

// MARK: GSL's mt19937, Marsaglia and Tsang's ziggurat

static void fill_gsl(void *state, double *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = gsl_ran_gaussian_ziggurat(state, 1.0);
}

// MARK: eight lanes of xoshiro256++, Box–Muller

typedef struct {
  __m512i s[4];
} xoshiro8;

static inline __m512i next8(xoshiro8 *x) {
  __m512i *s = x->s;
  __m512i result = _mm512_add_epi64(_mm512_rol_epi64(_mm512_add_epi64(s[0], s[3]), 23), s[0]);
  __m512i t = _mm512_slli_epi64(s[1], 17);
  s[2] = _mm512_xor_si512(s[2], s[0]);
  s[3] = _mm512_xor_si512(s[3], s[1]);
  s[1] = _mm512_xor_si512(s[1], s[2]);
  s[0] = _mm512_xor_si512(s[0], s[3]);
  s[2] = _mm512_xor_si512(s[2], t);
  s[3] = _mm512_rol_epi64(s[3], 45);
  return result;
}

static inline __m512d set8(double x) { return _mm512_set1_pd(x); }

/// (0, 1]
static inline __m512d unit8(__m512i bits) {
  __m512i mantissa = _mm512_or_si512(_mm512_srli_epi64(bits, 12), _mm512_set1_epi64(0x3ff0000000000000));
  return _mm512_sub_pd(set8(2), _mm512_castsi512_pd(mantissa));
}

/// c[0] + c[1] x + …, `count` terms.
static inline __m512d polynomial8(const double *c, int count, __m512d x) {
  __m512d p = set8(c[count - 1]);
  for (int i = count - 2; i >= 0; i--) p = _mm512_fmadd_pd(p, x, set8(c[i]));
  return p;
}

/// 1/x, to the last digit or two.
static inline __m512d reciprocal8(__m512d x) {
  __m512d r = _mm512_rcp14_pd(x);
  r = _mm512_mul_pd(r, _mm512_fnmadd_pd(x, r, set8(2)));
  return _mm512_mul_pd(r, _mm512_fnmadd_pd(x, r, set8(2)));
}

/// log x of positive x: x = m 2^e, m in [0.75, 1.5), log m = 2 artanh((m − 1)/(m + 1)).
static inline __m512d log8(__m512d x) {
  static const double c[] = {2., 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17};
  __m512d e = _mm512_getexp_pd(x), m = _mm512_getmant_pd(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
  e = _mm512_mask_add_pd(e, _mm512_cmp_pd_mask(m, set8(1), _CMP_LT_OQ), e, set8(1));
  __m512d s = _mm512_mul_pd(_mm512_sub_pd(m, set8(1)), reciprocal8(_mm512_add_pd(m, set8(1))));
  __m512d p = polynomial8(c, 9, _mm512_mul_pd(s, s));
  return _mm512_fmadd_pd(e, set8(0.6931471805599453), _mm512_mul_pd(p, s));
}

/// Sixteen normals of two words a lane.
static inline void box_muller(__m512i a, __m512i b, double *out) {
  __m512d square = _mm512_max_pd(_mm512_mul_pd(set8(-2), log8(unit8(a))), set8(1e-300));
  __m512d y = _mm512_rsqrt14_pd(square), half = _mm512_mul_pd(set8(0.5), square);
  for (int i = 0; i < 2; i++) y = _mm512_mul_pd(y, _mm512_fnmadd_pd(_mm512_mul_pd(half, y), y, set8(1.5)));
  __m512d radius = _mm512_mul_pd(square, y);
  // The angle is πv/4 with v in [−1, 1). Three low bits that v does not use choose the octants: two signs and a swap.
  __m512i mantissa = _mm512_or_si512(_mm512_srli_epi64(b, 12), _mm512_set1_epi64(0x4000000000000000));
  __m512d t = _mm512_mul_pd(_mm512_sub_pd(_mm512_castsi512_pd(mantissa), set8(3)), set8(0.7853981633974483));
  __m512d z = _mm512_mul_pd(t, t);
  static const double sine[] = {
    1., -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800, -1. / 1307674368000};
  static const double cosine[] = {
    1., -.5, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600, -1. / 87178291200};
  __m512d s = _mm512_mul_pd(polynomial8(sine, 8, z), t), c = polynomial8(cosine, 8, z);
  __mmask8 swap = _mm512_test_epi64_mask(b, _mm512_set1_epi64(4));
  __m512i first = _mm512_castpd_si512(_mm512_mask_blend_pd(swap, c, s));
  __m512i second = _mm512_castpd_si512(_mm512_mask_blend_pd(swap, s, c));
  __m512i sign = _mm512_set1_epi64((long long)0x8000000000000000);
  first = _mm512_ternarylogic_epi64(first, _mm512_slli_epi64(b, 63), sign, 0x78);  // x ^ (y & sign)
  second = _mm512_ternarylogic_epi64(second, _mm512_slli_epi64(b, 62), sign, 0x78);
  _mm512_storeu_pd(out, _mm512_mul_pd(radius, _mm512_castsi512_pd(first)));
  _mm512_storeu_pd(out + 8, _mm512_mul_pd(radius, _mm512_castsi512_pd(second)));
}

static void fill_xoshiro8(void *state, double *out, size_t count) {
  xoshiro8 x = *(xoshiro8 *)state;
  for (size_t i = 0; i < count; i += 16) {
    __m512i a = next8(&x), b = next8(&x);
    box_muller(a, b, out + i);
  }
  *(xoshiro8 *)state = x;
}

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// `mt19937` or `xoshiro256x8`, seeded; for another name, a null `fill`.
static normals normals_named(const char *name, uint64_t seed) {
  if (!strcmp(name, "mt19937")) {
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed);
    return (normals){fill_gsl, rng};
  }
  if (!strcmp(name, "xoshiro256x8")) {
    xoshiro8 *state = zeroed(sizeof *state);
    uint64_t words[32];
    for (int i = 0; i < 32; i++) words[i] = splitmix(&seed);
    memcpy(state, words, sizeof words);
    return (normals){fill_xoshiro8, state};
  }
  return (normals){0};
}
