#include "kernels.h"

// sum log(1 + e^-|t|) is taken as the log of a product of up to PRODUCT factors in (1, 2]: one log in place of
// many, and no worse than the rounding of the sum.
enum { PRODUCT = 256, ROWS = 4 };

/// Lanes l...l+7 of K = one draw: values and gradient over rows [0, N).
WB_INLINE void all_rows(const double *design, const double *target, size_t N, const double *z, double *values,
                        double *gradient, size_t D, size_t B, size_t lanes) {
  v8 zero = all8(0), sum = zero, product = all8(1);
  double padded[8];
  for (size_t n0 = 0; n0 < N; n0 += ROWS) {
    size_t rows = N - n0 < ROWS ? N - n0 : ROWS;
    v8 t[ROWS], residual[ROWS];
    for (size_t j = 0; j < ROWS; j++) t[j] = zero;
    const double *x[ROWS];
    for (size_t j = 0; j < ROWS; j++) x[j] = design + (n0 + (j < rows ? j : 0)) * D;
    for (size_t d = 0; d < D; d++) {
      v8 w = lanes == 8 ? load8(z + d * B) : load_some(z + d * B, lanes);
      for (size_t j = 0; j < ROWS; j++) t[j] += x[j][d] * w;
    }
    for (size_t j = 0; j < ROWS; j++) {
      if (j >= rows) {
        residual[j] = zero;
        continue;
      }
      double y = target[n0 + j];
      v8 u = exp8(-abs8(t[j])), one_u = 1.0 + u;
      if (values) {
        sum += y * t[j] - select8(t[j] > 0, t[j], zero);
        product *= one_u;
      }
      // 1/(1 + e^-t): 1/(1 + u) for t >= 0, u/(1 + u) below.
      if (gradient) residual[j] = y - select8(t[j] >= 0, all8(1), u) / one_u;
    }
    if (values && ((n0 / ROWS) % (PRODUCT / ROWS) == PRODUCT / ROWS - 1)) {
      sum -= log8(product);
      product = all8(1);
    }
    if (gradient)
      for (size_t d = 0; d < D; d++) {
        double *row = gradient + d * B;
        v8 g = lanes == 8 ? load8(row) : load_some(row, lanes);
        for (size_t j = 0; j < ROWS; j++) g += x[j][d] * residual[j];
        if (lanes == 8) store8(row, g);
        else store_some(row, g, lanes);
      }
  }
  if (values) {
    store8(padded, sum - log8(product));
    memcpy(values, padded, lanes * sizeof(double));
  }
}

WB_CLONES static void full(const double *design, const double *target, size_t N, const double *z, double *values,
                           double *gradient, size_t K, size_t D, size_t B) {
  for (size_t k = 0; k < K; k++)
    for (size_t l = 0; l < B; l += 8)
      all_rows(design, target, N, z + k * D * B + l, values ? values + k * B + l : NULL,
               gradient ? gradient + k * D * B + l : NULL, D, B, B - l < 8 ? B - l : 8);
}

WB_CLONES static void minibatch(const double *design, const double *target, size_t N, const int32_t *indices,
                                size_t M, const double *z, double *values, double *gradient, size_t K, size_t D,
                                size_t B) {
  double weight = (double)N / (double)M;
  for (size_t k = 0; k < K; k++)
    for (size_t l = 0; l < B; l++) {
      double sum = 0;
      for (size_t i = 0; i < M; i++) {
        size_t n = (size_t)indices[i * B + l];
        const double *x = design + n * D, *w = z + k * D * B + l;
        double t = 0, y = target[n];
        for (size_t d = 0; d < D; d++) t += x[d] * w[d * B];
        double u = exp8(all8(-fabs(t)))[0];
        if (values) sum += (y * t - (t > 0 ? t : 0)) - log8(all8(1.0 + u))[0];
        if (gradient) {
          double residual = weight * (y - (t >= 0 ? 1.0 : u) / (1.0 + u));
          double *g = gradient + k * D * B + l;
          for (size_t d = 0; d < D; d++) g[d * B] += x[d] * residual;
        }
      }
      if (values) values[k * B + l] = weight * sum;
    }
}

void wb_logistic(const double *design, const double *target, size_t N, const int32_t *indices, size_t M,
                 const double *z, double *values, double *gradient, size_t K, size_t D, size_t B) {
  if (gradient) memset(gradient, 0, K * D * B * sizeof(double));
  if (indices) minibatch(design, target, N, indices, M, z, values, gradient, K, D, B);
  else full(design, target, N, z, values, gradient, K, D, B);
}

WB_CLONES void wb_softplus_moments(double mean, double deviation, double *out) {
  // The error from g's poles at e = +-i pi/deviation, e^{-2 pi pi/(step deviation) + pi^2/(2 deviation^2)}, is below
  // e^-44; the poles of the fourth derivative raise it to 1e-14. The normal's, e^{-2 pi^2/step^2}, is below e^-123.
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
