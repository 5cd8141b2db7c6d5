#include "kernels.h"

// Lanes are taken in tiles of 32, four vectors: enough independent sums to keep the processor busy, and few enough for its
// registers. What is left of a row goes vector by vector.
enum { VECTORS = 4, TILE_LANES = 8 * VECTORS, COORDINATES = 256 };
#define load_n(p) load_some(p, n)
/// One lane, whose parameters are its own: its coordinates fill the vectors as well as lanes of one coordinate would.
#define COORDINATES_AS_LANES \
  if (B == 1) {              \
    B = D;                   \
    D = 1;                   \
    per_lane = 1;            \
  }

/// The body, with `l` the first of eight lanes, or of the n < 8 that are left: LOAD and STORE move that many.
#define FOR_LANES(BODY)                                  \
  {                                                      \
    size_t l = 0;                                        \
    for (; l + 8 <= B; l += 8) BODY(load8, store8)       \
    if (l < B) {                                         \
      size_t n = B - l;                                  \
      BODY(load_n, store_n)                              \
    }                                                    \
  }
#define store_n(p, v) store_some(p, v, n)

WB_CLONES void wb_normal_transform(const double *mean, const double *log_scale, int per_lane, const double *noise,
                                   double *z, size_t K, size_t D, size_t B) {
  COORDINATES_AS_LANES
  if (per_lane) {
    for (size_t d = 0; d < D; d++)
#define BODY(LOAD, STORE)                                                                \
  {                                                                                      \
    v8 m = LOAD(mean + d * B + l), s = exp8(LOAD(log_scale + d * B + l));                \
    for (size_t k = 0; k < K; k++) {                                                     \
      size_t at = (k * D + d) * B + l;                                                   \
      STORE(z + at, fma8(s, LOAD(noise + at), m));                                       \
    }                                                                                    \
  }
      FOR_LANES(BODY)
#undef BODY
    return;
  }
  double scale[COORDINATES];
  for (size_t d0 = 0; d0 < D; d0 += COORDINATES) {
    size_t some = D - d0 < COORDINATES ? D - d0 : COORDINATES;
    for (size_t i = 0; i < some; i++) scale[i] = exp8(all8(log_scale[d0 + i]))[0];
    for (size_t k = 0; k < K; k++)
      for (size_t i = 0; i < some; i++) {
        size_t row = (k * D + d0 + i) * B;
        v8 m = all8(mean[d0 + i]), s = all8(scale[i]);
#define BODY(LOAD, STORE) { STORE(z + row + l, fma8(s, LOAD(noise + row + l), m)); }
        FOR_LANES(BODY)
#undef BODY
      }
  }
}

/// values[k] = START(LOAD), and what TERM(LOAD, sum) makes of it coordinate by coordinate, for the lanes of a tile at once.
#define SUM_OVER_COORDINATES(START, TERM)                                              \
  for (size_t k = 0; k < K; k++) {                                                     \
    size_t l0 = 0;                                                                     \
    for (; l0 + TILE_LANES <= B; l0 += TILE_LANES) {                                   \
      v8 sums[VECTORS];                                                                \
      for (int i = 0; i < VECTORS; i++) {                                              \
        size_t l = l0 + 8 * i;                                                         \
        sums[i] = START(load8);                                                        \
      }                                                                                \
      for (size_t d = 0; d < D; d++)                                                   \
        for (int i = 0; i < VECTORS; i++) {                                            \
          size_t l = l0 + 8 * i;                                                       \
          sums[i] = TERM(load8, sums[i]);                                              \
        }                                                                              \
      for (int i = 0; i < VECTORS; i++) store8(values + k * B + l0 + 8 * i, sums[i]);  \
    }                                                                                  \
    for (size_t l = l0; l < B; l += 8) {                                               \
      size_t n = B - l < 8 ? B - l : 8;                                                \
      v8 sum = START(load_n);                                                          \
      for (size_t d = 0; d < D; d++) sum = n == 8 ? TERM(load8, sum) : TERM(load_n, sum); \
      store_some(values + k * B + l, sum, n);                                          \
    }                                                                                  \
  }

WB_CLONES void wb_normal_entropy_values(const double *log_scale, int per_lane, const double *noise, double *values,
                                        size_t K, size_t D, size_t B) {
  double start = 0.5 * WB_LOG_2PI * (double)D;
  if (!per_lane)
    for (size_t d = 0; d < D; d++) start += log_scale[d];
#define START(LOAD) ({                                                       \
    v8 start_ = all8(start);                                                 \
    if (per_lane)                                                            \
      for (size_t d = 0; d < D; d++) start_ += LOAD(log_scale + d * B + l);  \
    start_;                                                                  \
  })
#define TERM(LOAD, sum) ({                                                   \
    v8 e_ = LOAD(noise + (k * D + d) * B + l);                               \
    fma8(0.5 * e_, e_, sum);                                                 \
  })
  SUM_OVER_COORDINATES(START, TERM)
#undef START
#undef TERM
}

WB_CLONES void wb_normal_entropy_coordinates(const double *log_scale, int per_lane, const double *noise,
                                             double *values, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      size_t row = (k * D + d) * B;
#define BODY(LOAD, STORE)                                                                  \
  {                                                                                        \
    v8 e = LOAD(noise + row + l), s = per_lane ? LOAD(log_scale + d * B + l) : all8(log_scale[d]); \
    STORE(values + row + l, fma8(0.5 * e, e, 0.5 * WB_LOG_2PI + s));                       \
  }
      FOR_LANES(BODY)
#undef BODY
    }
}

WB_CLONES void wb_normal_entropy_gradient(const double *log_scale, int per_lane, const double *noise,
                                          double *gradient, size_t K, size_t D, size_t B) {
  COORDINATES_AS_LANES
  for (size_t d = 0; d < D; d++) {
    v8 shared = per_lane ? all8(0) : exp8(all8(-log_scale[d]));
#define BODY(LOAD, STORE)                                                          \
  {                                                                                \
    v8 inverse = per_lane ? exp8(-LOAD(log_scale + d * B + l)) : shared;           \
    for (size_t k = 0; k < K; k++) {                                               \
      size_t at = (k * D + d) * B + l;                                             \
      STORE(gradient + at, LOAD(noise + at) * inverse);                            \
    }                                                                              \
  }
    FOR_LANES(BODY)
#undef BODY
  }
}

/// target[0...n-1] += v
#define ADD_LANES(target, v, n)                                   \
  ({                                                              \
    double *row_ = (target);                                      \
    v8 sum_ = ((n) == 8 ? load8(row_) : load_some(row_, n)) + (v); \
    if ((n) == 8) store8(row_, sum_);                             \
    else store_some(row_, sum_, n);                               \
  })
/// For each coordinate the sums over k that STEP(LOAD, first, second) adds to, in registers for the lanes of a tile, then
/// AFTER, which may use scale = e^{SIGN log_scale}.
#define FOR_COORDINATES_AND_LANES(STEP, SIGN, AFTER)                                           \
  for (size_t d = 0; d < D; d++) {                                                             \
    v8 shared = per_lane ? all8(0) : exp8(all8((SIGN) * log_scale[d]));                        \
    size_t l0 = 0;                                                                             \
    for (; l0 + TILE_LANES <= B; l0 += TILE_LANES) {                                           \
      v8 firsts[VECTORS], seconds[VECTORS];                                                    \
      for (int i = 0; i < VECTORS; i++) firsts[i] = seconds[i] = all8(0);                      \
      for (size_t k = 0; k < K; k++)                                                           \
        for (int i = 0; i < VECTORS; i++) {                                                    \
          size_t l = l0 + 8 * i;                                                               \
          STEP(load8, firsts[i], seconds[i])                                                   \
        }                                                                                      \
      for (int i = 0; i < VECTORS; i++) {                                                      \
        size_t l = l0 + 8 * i, n = 8;                                                          \
        v8 first = firsts[i], second = seconds[i];                                             \
        v8 scale = per_lane ? exp8((SIGN) * load8(log_scale + d * B + l)) : shared;            \
        AFTER                                                                                  \
      }                                                                                        \
    }                                                                                          \
    for (size_t l = l0; l < B; l += 8) {                                                       \
      size_t n = B - l < 8 ? B - l : 8;                                                        \
      v8 first = all8(0), second = first;                                                      \
      if (n == 8)                                                                              \
        for (size_t k = 0; k < K; k++) STEP(load8, first, second)                              \
      else                                                                                     \
        for (size_t k = 0; k < K; k++) STEP(load_n, first, second)                             \
      v8 scale = per_lane ? exp8((SIGN) * load_n(log_scale + d * B + l)) : shared;             \
      AFTER                                                                                    \
    }                                                                                          \
  }

WB_CLONES void wb_normal_add_score(const double *log_scale, int per_lane, const double *noise,
                                   const double *weights, int by_coordinate, const double *centers,
                                   double *gradients, size_t K, size_t D, size_t B) {
#define STEP(LOAD, first, second)                                                             \
  {                                                                                           \
    v8 e = LOAD(noise + (k * D + d) * B + l);                                                 \
    v8 w = LOAD(weights + (by_coordinate ? (k * D + d) * B : k * B) + l);                     \
    first = fma8(w - centers[d], e, first);                                                   \
    second = fma8(w - centers[D + d], fma8(e, e, all8(-1)), second);                          \
  }
  FOR_COORDINATES_AND_LANES(STEP, -1, {
    ADD_LANES(gradients + d * B + l, first * scale, n);
    ADD_LANES(gradients + (D + d) * B + l, second, n);
  })
#undef STEP
}

WB_CLONES void wb_normal_add_pullback(const double *log_scale, int per_lane, const double *noise,
                                      const double *cotangents, double factor, double *gradients, size_t K,
                                      size_t D, size_t B) {
  COORDINATES_AS_LANES
#define STEP(LOAD, first, second)                                                             \
  {                                                                                           \
    v8 c = LOAD(cotangents + (k * D + d) * B + l);                                            \
    first += c;                                                                               \
    second = fma8(c, LOAD(noise + (k * D + d) * B + l), second);                              \
  }
  FOR_COORDINATES_AND_LANES(STEP, 1, {
    ADD_LANES(gradients + d * B + l, factor * first, n);
    ADD_LANES(gradients + (D + d) * B + l, (factor * scale) * second, n);
  })
#undef STEP
}

WB_CLONES void wb_normal_add_analytic_prior(const double *mean, const double *log_scale, int per_lane,
                                            const double *prior_mean, const double *prior_precision,
                                            double *gradients, size_t D, size_t B) {
  for (size_t d = 0; d < D; d++) {
    double center = prior_mean[d], precision = prior_precision[d];
    v8 shared_mean = per_lane ? all8(0) : all8(mean[d]), shared = per_lane ? all8(0) : exp8(all8(log_scale[d]));
    double *g_mean = gradients + d * B, *g_log_scale = gradients + (D + d) * B;
#define BODY(LOAD, STORE)                                                                     \
  {                                                                                           \
    v8 m = per_lane ? LOAD(mean + d * B + l) : shared_mean;                                   \
    v8 s = per_lane ? exp8(LOAD(log_scale + d * B + l)) : shared;                             \
    STORE(g_mean + l, LOAD(g_mean + l) - (m - center) * precision);                           \
    STORE(g_log_scale + l, LOAD(g_log_scale + l) - (s * s) * precision);                      \
  }
    FOR_LANES(BODY)
#undef BODY
  }
}

WB_CLONES void wb_normal_density_values(const double *z, const double *center, const double *precision,
                                        const double *constant, double *values, size_t K, size_t D, size_t B) {
  double start = 0;
  for (size_t d = 0; d < D; d++) start += constant[d];
#define TERM(LOAD, sum) ({                                                   \
    v8 r_ = LOAD(z + (k * D + d) * B + l) - center[d];                       \
    fma8((-0.5 * precision[d]) * r_, r_, sum);                               \
  })
#define START(LOAD) all8(start)
  SUM_OVER_COORDINATES(START, TERM)
#undef START
#undef TERM
}

WB_CLONES void wb_normal_density_coordinates(const double *z, const double *center, const double *precision,
                                             const double *constant, double *values, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      size_t row = (k * D + d) * B;
      double m = center[d], h = -0.5 * precision[d], c = constant[d];
#define BODY(LOAD, STORE) { v8 r = LOAD(z + row + l) - m; STORE(values + row + l, fma8(h * r, r, all8(c))); }
      FOR_LANES(BODY)
#undef BODY
    }
}

WB_CLONES void wb_normal_density_gradient(const double *z, const double *center, const double *precision,
                                          double *gradient, size_t K, size_t D, size_t B) {
  if (B == 1) {
    for (size_t k = 0; k < K; k++)
      for (size_t d = 0; d < D; d++) gradient[k * D + d] = (center[d] - z[k * D + d]) * precision[d];
    return;
  }
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      size_t row = (k * D + d) * B;
      double m = center[d], p = precision[d];
#define BODY(LOAD, STORE) { STORE(gradient + row + l, (m - LOAD(z + row + l)) * p); }
      FOR_LANES(BODY)
#undef BODY
    }
}
