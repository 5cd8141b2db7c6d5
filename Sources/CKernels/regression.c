#include "kernels.h"
#include <gsl/gsl_cdf.h>

// sum log(1 + e^-|t|) is taken as the log of a product of up to PRODUCT factors in (1, 2]: one log in place of
// many, and no worse than the rounding of the sum.
enum { PRODUCT = 256, ROWS = 4, TILE = 1024 };

/// The data of a block: `count` rows of design [N x D], all in order, or those of picked[0], picked[step], ...
typedef struct {
  const double *design, *target, *offset;
  double precision, weight;
  size_t dimension, count, step;
  const int32_t *picked;
} Rows;

/// Up to eight columns, a draw of a lane each: element d of column i of z and gradient is at [d * stride + i]. Adds to
/// gradient, overwrites *values; either may be null. A column's arithmetic is the same wherever it stands.
WB_INLINE void columns(enum wb_response response, Rows r, const double *z, v8 *values, double *gradient, size_t stride,
                       size_t lanes) {
  size_t D = r.dimension;
  v8 zero = all8(0), sum = zero, product = all8(1);
  for (size_t n0 = 0; n0 < r.count; n0 += ROWS) {
    size_t rows = r.count - n0 < ROWS ? r.count - n0 : ROWS, n[ROWS];
    v8 t[ROWS], residual[ROWS];
    const double *x[ROWS];
    for (size_t j = 0; j < ROWS; j++) {
      t[j] = zero;
      n[j] = n0 + (j < rows ? j : 0);
      if (r.picked) n[j] = (size_t)r.picked[n[j] * r.step];
      x[j] = r.design + n[j] * D;
    }
    for (size_t d = 0; d < D; d++) {
      v8 w = lanes == 8 ? load8(z + d * stride) : load_some(z + d * stride, lanes);
      for (size_t j = 0; j < ROWS; j++) t[j] += x[j][d] * w;
    }
    for (size_t j = 0; j < ROWS; j++) {
      if (j >= rows) {
        residual[j] = zero;
        continue;
      }
      double y = r.target[n[j]];
      if (response == WB_LOGISTIC) {
        v8 u = exp8(-abs8(t[j])), one_u = 1.0 + u;
        if (values) {
          sum += y * t[j] - select8(t[j] > 0, t[j], zero);
          product *= one_u;
        }
        // 1/(1 + e^-t): 1/(1 + u) for t >= 0, u/(1 + u) below.
        if (gradient) residual[j] = r.weight * (y - select8(t[j] >= 0, all8(1), u) / one_u);
      } else if (response == WB_NORMAL) {
        v8 e = y - t[j];
        if (values) sum += r.offset[n[j]] - (0.5 * r.precision) * (e * e);
        if (gradient) residual[j] = (r.weight * r.precision) * e;
      } else {
        v8 mean = exp8(t[j]);
        if (values) sum += (y * t[j] - mean) + r.offset[n[j]];
        if (gradient) residual[j] = r.weight * (y - mean);
      }
    }
    if (response == WB_LOGISTIC && values && (n0 / ROWS) % (PRODUCT / ROWS) == PRODUCT / ROWS - 1) {
      sum -= log8(product);
      product = all8(1);
    }
    if (gradient)
      for (size_t d = 0; d < D; d++) {
        double *row = gradient + d * stride;
        v8 g = lanes == 8 ? load8(row) : load_some(row, lanes);
        for (size_t j = 0; j < ROWS; j++) g += x[j][d] * residual[j];
        if (lanes == 8) store8(row, g);
        else store_some(row, g, lanes);
      }
  }
  if (values) *values = r.weight * (response == WB_LOGISTIC ? sum - log8(product) : sum);
}

/// All columns that read the same rows, c = first, first + step ..., eight at a time through a tile: with few lanes the
/// draws fill the vectors. Column c = k * B + l starts at element k * D * B + l.
WB_INLINE void tiles(enum wb_response response, Rows r, const double *z, double *values, double *gradient, size_t first,
                     size_t step, size_t K, size_t B, double *point, double *slope) {
  size_t D = r.dimension;
  for (size_t c0 = first; c0 < K * B; c0 += 8 * step) {
    size_t start[8], n = 0;
    for (size_t c = c0; n < 8 && c < K * B; c += step) start[n++] = c / B * D * B + c % B;
    if (n < 8) memset(point, 0, D * 8 * sizeof(double));
    for (size_t i = 0; i < n; i++)
      for (size_t d = 0; d < D; d++) point[d * 8 + i] = z[start[i] + d * B];
    if (gradient) memset(slope, 0, D * 8 * sizeof(double));
    v8 found;
    columns(response, r, point, values ? &found : NULL, gradient ? slope : NULL, 8, 8);
    for (size_t i = 0; i < n; i++) {
      if (values) values[c0 + i * step] = found[i];
      if (gradient)
        for (size_t d = 0; d < D; d++) gradient[start[i] + d * B] = slope[d * 8 + i];
    }
  }
}

/// The same in place, for a dimension that has no room on the stack: lanes of one draw together, `width` of them.
WB_INLINE void in_place(enum wb_response response, Rows r, const double *z, double *values, double *gradient,
                        size_t first, size_t last, size_t width, size_t K, size_t B) {
  size_t D = r.dimension;
  for (size_t k = 0; k < K; k++)
    for (size_t l = first; l < last; l += width) {
      size_t n = last - l < width ? last - l : width, start = k * D * B + l;
      v8 found;
      if (gradient)
        for (size_t d = 0; d < D; d++) memset(gradient + start + d * B, 0, n * sizeof(double));
      columns(response, r, z + start, values ? &found : NULL, gradient ? gradient + start : NULL, B, n);
      if (values) store_some(values + k * B + l, found, n);
    }
}

WB_INLINE void blocks(enum wb_response response, Rows r, const double *z, double *values, double *gradient, size_t K,
                      size_t B, double *point, double *slope) {
  size_t sets = r.picked ? B : 1;  // lanes have rows of their own, or all have all
  const int32_t *picked = r.picked;
  for (size_t s = 0; s < sets; s++) {
    if (picked) r.picked = picked + s;
    if (r.dimension <= TILE) tiles(response, r, z, values, gradient, s, sets, K, B, point, slope);
    else in_place(response, r, z, values, gradient, s, picked ? s + 1 : B, picked ? 1 : 8, K, B);
  }
}

WB_CLONES void wb_regression(enum wb_response response, double precision, const double *design, const double *target,
                             const double *offset, size_t N, const int32_t *indices, size_t M, const double *z,
                             double *values, double *gradient, size_t K, size_t D, size_t B) {
  Rows rows = {design, target, offset, precision, indices ? (double)N / (double)M : 1, D, indices ? M : N, B, indices};
  double point[TILE * 8], slope[TILE * 8];
  switch (response) {  // each inlined on its own
    case WB_LOGISTIC: blocks(WB_LOGISTIC, rows, z, values, gradient, K, B, point, slope); break;
    case WB_NORMAL: blocks(WB_NORMAL, rows, z, values, gradient, K, B, point, slope); break;
    case WB_POISSON: blocks(WB_POISSON, rows, z, values, gradient, K, B, point, slope); break;
  }
}

// Nodes and weights of the Gauss-Legendre rule of 16 points on [-1, 1] (Abramowitz and Stegun 1964, table 25.4).
static const double GAUSS_NODES[16] = {
    -0.9894009349916499, -0.9445750230732326, -0.8656312023878318, -0.755404408355003,
    -0.6178762444026438, -0.45801677765722737, -0.2816035507792589, -0.09501250983763744,
    0.09501250983763744, 0.2816035507792589, 0.45801677765722737, 0.6178762444026438,
    0.755404408355003, 0.8656312023878318, 0.9445750230732326, 0.9894009349916499};
static const double GAUSS_WEIGHTS[16] = {
    0.027152459411754176, 0.062253523938647456, 0.0951585116824926, 0.12462897125553407,
    0.1495959888165767, 0.16915651939500265, 0.18260341504492364, 0.18945061045506864,
    0.18945061045506864, 0.18260341504492364, 0.16915651939500265, 0.1495959888165767,
    0.12462897125553407, 0.0951585116824926, 0.062253523938647456, 0.027152459411754176};

/// A wide normal sees softplus as max(t, 0) and what is left near zero, which is even in t:
/// log(1 + e^t) = max(t, 0) + r(|t|), r(t) = log(1 + e^-t), and so for its derivatives. The first part is in closed
/// form, the rest an integral over 0 < t < 40, where r's nearest poles are at +-i pi: panels of 2.5 and 16 points leave
/// less than 1e-20. The cost does not grow with the deviation.
WB_CLONES static void wide_softplus_moments(double mean, double deviation, double *out) {
  const double panel = 2.5;
  v8 sums[4];
  for (int i = 0; i < 4; i++) sums[i] = all8(0);
  double scale = 1.0 / deviation;
  for (int j = 0; j < 16; j++)
    for (int half = 0; half < 16; half += 8) {
      v8 t = (j + 0.5) * panel + 0.5 * panel * load8(GAUSS_NODES + half), w = 0.5 * panel * load8(GAUSS_WEIGHTS + half);
      v8 right = (t - mean) * scale, left = (-t - mean) * scale;
      v8 above = exp8(-0.5 * right * right), below = exp8(-0.5 * left * left);
      v8 u = exp8(-t), one_u = 1.0 + u, p = u / (one_u * one_u), both = above + below;
      v8 r = select8(u < 1e-9, u, log8(one_u));
      sums[0] += w * (r * both);
      sums[1] += w * ((u / one_u) * (below - above));
      sums[2] += w * (p * both);
      sums[3] += w * ((p * (1.0 - 6.0 * p)) * both);
    }
  double density = 0.39894228040143267794 * scale, standard = mean * scale;
  double mass = gsl_cdf_ugaussian_P(standard);
  out[0] = mean * mass + deviation * (0.39894228040143267794 * exp8(all8(-0.5 * standard * standard))[0]) +
           density * sum8(sums[0]);
  out[1] = mass + density * sum8(sums[1]);
  out[2] = density * sum8(sums[2]);
  out[3] = density * sum8(sums[3]);
}

WB_CLONES void wb_softplus_moments(double mean, double deviation, double *out) {
  // The error from g's poles at e = +-i pi/deviation, e^{-2 pi pi/(step deviation) + pi^2/(2 deviation^2)}, is below
  // e^-44; the poles of the fourth derivative raise it to 1e-14. The normal's, e^{-2 pi^2/step^2}, is below e^-123.
  if (mean != mean || deviation != deviation) {
    for (int i = 0; i < 4; i++) out[i] = mean + deviation;
    return;
  }
  if (deviation > 32) {
    wide_softplus_moments(mean, deviation, out);
    return;
  }
  double step = deviation > 1 ? 0.4 / deviation : 0.4;
  int64_t count = (int64_t)(9.0 / step) + 1;
  v8 sums[5];
  for (int i = 0; i < 5; i++) sums[i] = all8(0);
  for (int64_t j = -count; j <= count; j += 8) {
    double points[8], inside[8];
    for (int i = 0; i < 8; i++) {
      points[i] = (double)(j + i) * step;
      inside[i] = j + i <= count ? 1.0 : 0.0;
    }
    v8 e = load8(points), t = mean + deviation * e;
    v8 w = exp8(-0.5 * e * e) * load8(inside), u = exp8(-abs8(t)), one_u = 1.0 + u;
    v8 softplus = select8(t > 0, t, all8(0)) + log8(one_u);
    v8 sigmoid = select8(t >= 0, all8(1), u) / one_u, p = u / (one_u * one_u);
    // log(1 + u) loses u below 1 ulp of 1; where u is that small, it is u.
    softplus = select8(u < 1e-9, select8(t > 0, t, all8(0)) + u, softplus);
    sums[0] += w;
    sums[1] += w * softplus;
    sums[2] += w * sigmoid;
    sums[3] += w * p;
    sums[4] += w * (p * (1.0 - 6.0 * p));
  }
  double weight = sum8(sums[0]);
  for (int i = 0; i < 4; i++) out[i] = sum8(sums[i + 1]) / weight;
}
