#include "kernels.h"

// The parameters of coordinate d: one value for all lanes, or a row of its own.
#define AT(p, d, l) (per_lane ? (p)[(d) * B + (l)] : (p)[d])
enum { TILE = 256 };

/// scale[l] = e^log_scale for the lanes of one coordinate, or its inverse.
WB_INLINE void scales(const double *log_scale, int per_lane, double sign, size_t d, size_t l0, size_t n, size_t B,
                      double *scale) {
  if (!per_lane) {
    double s = exp8(all8(sign * log_scale[d]))[0];
    for (size_t l = 0; l < n; l++) scale[l] = s;
  } else {
    size_t l = 0;
    for (; l + 8 <= n; l += 8) store8(scale + l, exp8(sign * load8(log_scale + d * B + l0 + l)));
    if (l < n) store_some(scale + l, exp8(sign * load_some(log_scale + d * B + l0 + l, n - l)), n - l);
  }
}

#define FOR_TILES(l0, n) \
  for (size_t l0 = 0, n = 0; l0 < B && (n = B - l0 < TILE ? B - l0 : TILE); l0 += TILE)

WB_CLONES void wb_normal_transform(const double *mean, const double *log_scale, int per_lane, const double *noise,
                                   double *z, size_t K, size_t D, size_t B) {
  double scale[TILE];
  FOR_TILES(l0, n)
  for (size_t d = 0; d < D; d++) {
    scales(log_scale, per_lane, 1, d, l0, n, B, scale);
    for (size_t k = 0; k < K; k++) {
      const double *e = noise + (k * D + d) * B + l0;
      double *out = z + (k * D + d) * B + l0;
      if (per_lane)
        for (size_t l = 0; l < n; l++) out[l] = mean[d * B + l0 + l] + scale[l] * e[l];
      else {
        double m = mean[d], s = scale[0];
        for (size_t l = 0; l < n; l++) out[l] = m + s * e[l];
      }
    }
  }
}

/// values[k] = the sum over d of TERM(d, l), for eight lanes l at a time, in a register.
#define SUM_OVER_COORDINATES(TERM)                            \
  for (size_t k = 0; k < K; k++)                              \
    for (size_t l = 0; l < B; l += 8) {                       \
      size_t n = B - l < 8 ? B - l : 8;                       \
      v8 sum = all8(0);                                       \
      if (n == 8)                                             \
        for (size_t d = 0; d < D; d++) sum += TERM(load8);    \
      else                                                    \
        for (size_t d = 0; d < D; d++) sum += TERM(load_n);   \
      if (n == 8) store8(values + k * B + l, sum);            \
      else store_some(values + k * B + l, sum, n);            \
    }
#define load_n(p) load_some(p, n)

WB_CLONES void wb_normal_entropy_values(const double *log_scale, int per_lane, const double *noise, double *values,
                                        size_t K, size_t D, size_t B) {
#define TERM(load) ({                                                        \
    v8 e_ = load(noise + (k * D + d) * B + l);                               \
    v8 s_ = per_lane ? load(log_scale + d * B + l) : all8(log_scale[d]);     \
    (0.5 * WB_LOG_2PI + s_) + 0.5 * (e_ * e_);                               \
  })
  SUM_OVER_COORDINATES(TERM)
#undef TERM
}

WB_CLONES void wb_normal_entropy_coordinates(const double *log_scale, int per_lane, const double *noise,
                                             double *values, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      const double *e = noise + (k * D + d) * B;
      double *v = values + (k * D + d) * B;
      for (size_t l = 0; l < B; l++) v[l] = (0.5 * WB_LOG_2PI + AT(log_scale, d, l)) + 0.5 * (e[l] * e[l]);
    }
}

WB_CLONES void wb_normal_entropy_gradient(const double *log_scale, int per_lane, const double *noise,
                                          double *gradient, size_t K, size_t D, size_t B) {
  double inverse[TILE];
  FOR_TILES(l0, n)
  for (size_t d = 0; d < D; d++) {
    scales(log_scale, per_lane, -1, d, l0, n, B, inverse);
    for (size_t k = 0; k < K; k++) {
      const double *e = noise + (k * D + d) * B + l0;
      double *g = gradient + (k * D + d) * B + l0;
      for (size_t l = 0; l < n; l++) g[l] = e[l] * inverse[l];
    }
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
/// For each coordinate the sums over k of FIRST and SECOND, in registers for 64 lanes at a time, then AFTER, which may use
/// scale = e^{SIGN log_scale}.
#define FOR_COORDINATES_AND_LANES(FIRST, SECOND, SIGN, AFTER)                                  \
  for (size_t d = 0; d < D; d++) {                                                             \
    v8 shared = per_lane ? all8(0) : all8(exp8(all8((SIGN) * log_scale[d]))[0]);               \
    size_t l0 = 0;                                                                             \
    for (; l0 + 64 <= B; l0 += 64) {                                                           \
      v8 firsts[8], seconds[8];                                                                \
      for (int i = 0; i < 8; i++) firsts[i] = seconds[i] = all8(0);                            \
      for (size_t k = 0; k < K; k++)                                                           \
        for (int i = 0; i < 8; i++) {                                                          \
          size_t l = l0 + 8 * i;                                                               \
          firsts[i] += FIRST(load8);                                                           \
          seconds[i] += SECOND(load8);                                                         \
        }                                                                                      \
      for (int i = 0; i < 8; i++) {                                                            \
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
        for (size_t k = 0; k < K; k++) {                                                       \
          first += FIRST(load8);                                                               \
          second += SECOND(load8);                                                             \
        }                                                                                      \
      else                                                                                     \
        for (size_t k = 0; k < K; k++) {                                                       \
          first += FIRST(load_n);                                                              \
          second += SECOND(load_n);                                                            \
        }                                                                                      \
      v8 scale = per_lane ? exp8((SIGN) * load_n(log_scale + d * B + l)) : shared;             \
      AFTER                                                                                    \
    }                                                                                          \
  }

WB_CLONES void wb_normal_add_score(const double *log_scale, int per_lane, const double *noise,
                                   const double *weights, int by_coordinate, const double *centers,
                                   double *gradients, size_t K, size_t D, size_t B) {
#define NOISE(load) load(noise + (k * D + d) * B + l)
#define WEIGHT(load) load(weights + (by_coordinate ? (k * D + d) * B : k * B) + l)
#define FIRST(load) ((WEIGHT(load) - centers[d]) * NOISE(load))
#define SECOND(load) ({ v8 e_ = NOISE(load); (WEIGHT(load) - centers[D + d]) * (e_ * e_ - 1.0); })
  FOR_COORDINATES_AND_LANES(FIRST, SECOND, -1, {
    ADD_LANES(gradients + d * B + l, first * scale, n);
    ADD_LANES(gradients + (D + d) * B + l, second, n);
  })
#undef FIRST
#undef SECOND
}

WB_CLONES void wb_normal_add_pullback(const double *log_scale, int per_lane, const double *noise,
                                      const double *cotangents, double factor, double *gradients, size_t K,
                                      size_t D, size_t B) {
#define FIRST(load) load(cotangents + (k * D + d) * B + l)
#define SECOND(load) (FIRST(load) * NOISE(load))
  FOR_COORDINATES_AND_LANES(FIRST, SECOND, 1, {
    ADD_LANES(gradients + d * B + l, factor * first, n);
    ADD_LANES(gradients + (D + d) * B + l, (factor * scale) * second, n);
  })
#undef FIRST
#undef SECOND
}

WB_CLONES void wb_normal_add_analytic_prior(const double *mean, const double *log_scale, int per_lane,
                                            const double *prior_mean, const double *prior_precision,
                                            double *gradients, size_t D, size_t B) {
  double scale[TILE];
  FOR_TILES(l0, n)
  for (size_t d = 0; d < D; d++) {
    scales(log_scale, per_lane, 1, d, l0, n, B, scale);
    double *gm = gradients + d * B + l0, *gs = gradients + (D + d) * B + l0;
    double center = prior_mean[d], precision = prior_precision[d];
    for (size_t l = 0; l < n; l++) {
      gm[l] -= (AT(mean, d, l0 + l) - center) * precision;
      gs[l] -= (scale[l] * scale[l]) * precision;
    }
  }
}

WB_CLONES void wb_normal_density_values(const double *z, const double *center, const double *precision,
                                        const double *constant, double *values, size_t K, size_t D, size_t B) {
#define TERM(load) ({                                                        \
    v8 r_ = load(z + (k * D + d) * B + l) - center[d];                       \
    constant[d] - (0.5 * precision[d]) * (r_ * r_);                          \
  })
  SUM_OVER_COORDINATES(TERM)
#undef TERM
}

WB_CLONES void wb_normal_density_coordinates(const double *z, const double *center, const double *precision,
                                             const double *constant, double *values, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      const double *row = z + (k * D + d) * B;
      double *v = values + (k * D + d) * B;
      double m = center[d], h = 0.5 * precision[d], c = constant[d];
      for (size_t l = 0; l < B; l++) {
        double r = row[l] - m;
        v[l] = c - h * (r * r);
      }
    }
}

WB_CLONES void wb_normal_density_gradient(const double *z, const double *center, const double *precision,
                                          double *gradient, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t d = 0; d < D; d++) {
      const double *row = z + (k * D + d) * B;
      double *g = gradient + (k * D + d) * B;
      double m = center[d], p = precision[d];
      for (size_t l = 0; l < B; l++) g[l] = (m - row[l]) * p;
    }
}
