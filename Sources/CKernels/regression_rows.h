// Regressions at few draws: rows in the lanes. Panel i of a set of eight chunks has row i of each: coordinates, target
// and offset, [D + 2] vectors. Private to this target.
#pragma once
#include "regression_draws.h"

/// t [S x stride vectors] = x . z for the rows of R panels, at S points [S x D].
WB_INLINE void predict_panels(size_t R, size_t S, const double *panels, size_t D, const double *z, size_t stride,
                              double *t) {
  v8 a[TOGETHER][4], x[4];
  UNROLLED(size_t s = 0; s < S; s++)
    UNROLLED(size_t j = 0; j < R; j++) a[s][j] = all8(0);
  for (size_t d = 0; d < D; d++) {
    UNROLLED(size_t j = 0; j < R; j++) x[j] = load8(panels + (j * (D + 2) + d) * 8);
    UNROLLED(size_t s = 0; s < S; s++) {
      v8 w = all8(z[s * D + d]);
      UNROLLED(size_t j = 0; j < R; j++) a[s][j] = fma8(x[j], w, a[s][j]);
    }
  }
  UNROLLED(size_t s = 0; s < S; s++)
    UNROLLED(size_t j = 0; j < R; j++) store8(t + (s * stride + j) * 8, a[s][j]);
}

/// slope [S x D] += the sum over the panels of residual [S x stride vectors] times R coordinates, chunk after chunk.
WB_INLINE void accumulate_panels(size_t R, size_t S, const double *panels, size_t count, size_t D,
                                 const double *residual, size_t stride, double *slope) {
  v8 a[TOGETHER][4], x[4];
  UNROLLED(size_t s = 0; s < S; s++)
    UNROLLED(size_t j = 0; j < R; j++) a[s][j] = all8(0);
  for (size_t i = 0; i < count; i++) {
    UNROLLED(size_t j = 0; j < R; j++) x[j] = load8(panels + (i * (D + 2) + j) * 8);
    UNROLLED(size_t s = 0; s < S; s++) {
      v8 e = load8(residual + (s * stride + i) * 8);
      UNROLLED(size_t j = 0; j < R; j++) a[s][j] = fma8(x[j], e, a[s][j]);
    }
  }
  UNROLLED(size_t s = 0; s < S; s++)
    UNROLLED(size_t j = 0; j < R; j++)
      UNROLLED(size_t l = 0; l < 8; l++) slope[s * D + j] += a[s][j][l];
}

/// Terms of a set of chunks at t [count vectors]: `found`, a chunk a lane, and derivatives in t. In the first `whole`
/// panels every lane has a row, in the others those below `rows`.
WB_INLINE void respond_panels(enum wb_response response, int values, int gradient, const Rows *r, const double *panels,
                              size_t count, size_t whole, size_t rows, double *t, v8 *found) {
  v8 sum = all8(0), product = all8(1);
  for (size_t i = 0; i < count; i++) {
    const double *rest = panels + (i * (r->dimension + 2) + r->dimension) * 8;
    v8 y = load8(rest), offset = load8(rest + 8), one = load8(t + i * 8), sum_so_far = sum, product_so_far = product;
    i8 inside = all8(0) == 0;
    if (i >= whole) {
      for (size_t l = 0; l < 8; l++) inside[l] = l * count + i < rows ? -1 : 0;
      one = select8(inside, one, all8(0));
    }
    respond(response, r->precision, values, gradient, &y, &offset, &one, &sum, &product);
    if (gradient) store8(t + i * 8, one);
    if (values && i >= whole) {
      sum = select8(inside, sum, sum_so_far);
      product = select8(inside, product, product_so_far);
    }
  }
  *found = response == WB_LOGISTIC ? sum - log8(product) : sum;
}

/// A group of S columns of the R x S that are in the registers.
#define BY_GROUP(f, R, S, ...)                 \
  switch (S) {                                 \
    case 1: f(R, 1, __VA_ARGS__); break;       \
    case 2: f(R, 2, __VA_ARGS__); break;       \
    case 3: f(R, 3, __VA_ARGS__); break;       \
    case 4: f(R, 4, __VA_ARGS__); break;       \
    default: f(R, TOGETHER, __VA_ARGS__); break;  \
  }

WB_INLINE void rows_in_lanes(const Rows *r, size_t R, const Columns *c, const double *z, double *values,
                             double *gradient) {
  double point[FEW * TILE], total[FEW * TILE], t[FEW * CHUNK * 8], value[FEW];
  size_t D = r->dimension, C = r->chunk, groups = (c->count + TOGETHER - 1) / TOGETHER;
  memset(total, 0, c->count * D * sizeof(double));
  memset(value, 0, c->count * sizeof(double));
  for (size_t s = 0; s < c->count; s++)
    for (size_t d = 0; d < D; d++) point[s * D + d] = z[c->start[s] + d * c->stride];
  for (size_t n0 = 0; n0 < r->count; n0 += 8 * C) {
    const double *panels = r->panels + n0 * (D + 2);
    size_t rows = r->count - n0, whole = rows >= 8 * C ? C : rows > 7 * C ? rows - 7 * C : 0;
    for (size_t i = 0, R_i; i < C; i += R_i) {
      R_i = i + R <= C ? R : 1;
      for (size_t g = 0, s = 0, S; g < groups; g++, s += S) {
        S = (c->count - s + groups - g - 1) / (groups - g);
        const double *p = panels + i * (D + 2) * 8;
        if (R_i > 1) BY_GROUP(predict_panels, R, S, p, D, point + s * D, C, t + (s * C + i) * 8)
        else BY_GROUP(predict_panels, 1, S, p, D, point + s * D, C, t + (s * C + i) * 8)
      }
    }
    for (size_t s = 0; s < c->count; s++) {
      v8 found;
      BY_KIND(respond_panels, r->response, values, gradient, r, panels, C, whole, rows, t + s * C * 8, &found);
      for (size_t l = 0; l < 8; l++) value[s] += found[l];
    }
    if (!gradient) continue;
    for (size_t g = 0, s = 0, S; g < groups; g++, s += S) {
      S = (c->count - s + groups - g - 1) / (groups - g);
      size_t d = 0;
      for (; d + R <= D; d += R)
        BY_GROUP(accumulate_panels, R, S, panels + d * 8, C, D, t + s * C * 8, C, total + s * D + d)
      for (; d < D; d++) BY_GROUP(accumulate_panels, 1, S, panels + d * 8, C, D, t + s * C * 8, C, total + s * D + d)
    }
  }
  for (size_t s = 0; s < c->count; s++) {
    if (values) values[c->value[s]] = r->weight * value[s];
    if (gradient)
      for (size_t d = 0; d < D; d++) gradient[c->start[s] + d * c->stride] = slope_factor(r) * total[s * D + d];
  }
}
