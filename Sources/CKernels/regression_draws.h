// Regressions at many draws: draws in the lanes. W vectors of columns are side by side; the sums of R rows, or of R
// coordinates, are in the registers. Private to this target.
#pragma once
#include "regression.h"

/// t [R x W vectors] = or += x . z of R rows, z [D x W vectors].
WB_INLINE void predict(size_t R, size_t W, const double *const *rows, size_t D, const double *z, int more, double *t) {
  v8 a[8][WIDTH], w[WIDTH];
  const double *x[8];
  UNROLLED(size_t j = 0; j < R; j++) {
    x[j] = rows[j];
    UNROLLED(size_t m = 0; m < W; m++) a[j][m] = more ? load8(t + (j * W + m) * 8) : all8(0);
  }
  for (size_t d = 0; d < D; d++) {
    UNROLLED(size_t m = 0; m < W; m++) w[m] = load8(z + (d * W + m) * 8);
    UNROLLED(size_t j = 0; j < R; j++) {
      v8 xj = all8(x[j][d]);
      UNROLLED(size_t m = 0; m < W; m++) a[j][m] = fma8(xj, w[m], a[j][m]);
    }
  }
  UNROLLED(size_t j = 0; j < R; j++)
    UNROLLED(size_t m = 0; m < W; m++) store8(t + (j * W + m) * 8, a[j][m]);
}

/// slope [R x W vectors] += the sum over the rows of residual [rows x W vectors] times coordinates d ... d + R - 1.
WB_INLINE void accumulate(size_t R, size_t W, const double *const *rows, size_t count, size_t d, const double *residual,
                          double *slope) {
  v8 a[8][WIDTH], r[WIDTH];
  UNROLLED(size_t j = 0; j < R; j++)
    UNROLLED(size_t m = 0; m < W; m++) a[j][m] = all8(0);
  for (size_t n = 0; n < count; n++) {
    const double *x = rows[n] + d;
    UNROLLED(size_t m = 0; m < W; m++) r[m] = load8(residual + (n * W + m) * 8);
    UNROLLED(size_t j = 0; j < R; j++) {
      v8 xj = all8(x[j]);
      UNROLLED(size_t m = 0; m < W; m++) a[j][m] = fma8(xj, r[m], a[j][m]);
    }
  }
  UNROLLED(size_t j = 0; j < R; j++)
    UNROLLED(size_t m = 0; m < W; m++) {
      double *sum = slope + (j * W + m) * 8;
      store8(sum, load8(sum) + a[j][m]);
    }
}

/// Some columns: i has its coordinates at start[i], start[i] + stride ..., and its value at value[i].
typedef struct {
  size_t count, stride, start[8 * WIDTH], value[8 * WIDTH];
} Columns;

/// Coordinates first ... last - 1 of the columns into tile [* x W vectors], zero where there is no column.
WB_INLINE void gather(const Columns *c, size_t W, const double *z, size_t first, size_t last, double *tile) {
  if (c->count < 8 * W) memset(tile, 0, (last - first) * 8 * W * sizeof(double));
  for (size_t i = 0; i < c->count;) {
    const double *from = z + c->start[i];
    double *to = tile + i;
    int whole = i % 8 == 0 && i + 8 <= c->count && c->start[i + 7] == c->start[i] + 7;
    if (whole)
      for (size_t d = first; d < last; d++, to += 8 * W) store8(to, load8(from + d * c->stride));
    else
      for (size_t d = first; d < last; d++, to += 8 * W) *to = from[d * c->stride];
    i += whole ? 8 : 1;
  }
}

/// The other way round, times a factor.
WB_INLINE void scatter(const Columns *c, size_t W, const double *tile, double factor, size_t first, size_t last,
                       double *gradient) {
  for (size_t i = 0; i < c->count;) {
    double *to = gradient + c->start[i];
    const double *from = tile + i;
    int whole = i % 8 == 0 && i + 8 <= c->count && c->start[i + 7] == c->start[i] + 7;
    if (whole)
      for (size_t d = first; d < last; d++, from += 8 * W) store8(to + d * c->stride, factor * load8(from));
    else
      for (size_t d = first; d < last; d++, from += 8 * W) to[d * c->stride] = factor * *from;
    i += whole ? 8 : 1;
  }
}

/// Terms of a chunk at t [rows x W vectors]: adds to found [W] and leaves derivatives in t.
WB_INLINE void respond_rows(enum wb_response response, int values, int gradient, const Rows *r, const size_t *row,
                            size_t count, size_t W, double *t, v8 *found) {
  v8 sum[WIDTH], product[WIDTH];
  UNROLLED(size_t m = 0; m < W; m++) {
    sum[m] = all8(0);
    product[m] = all8(1);
  }
  for (size_t j = 0; j < count; j++) {
    v8 y = all8(r->target[row[j]]), offset = all8(response == WB_LOGISTIC ? 0 : r->offset[row[j]]);
    UNROLLED(size_t m = 0; m < W; m++) {
      double *place = t + (j * W + m) * 8;
      v8 one = load8(place);
      respond(response, r->precision, values, gradient, &y, &offset, &one, &sum[m], &product[m]);
      if (gradient) store8(place, one);
    }
  }
  UNROLLED(size_t m = 0; m < W; m++) found[m] += response == WB_LOGISTIC ? sum[m] - log8(product[m]) : sum[m];
}

/// A column's points are made into a tile and the tile's slopes into gradients once, or chunk by chunk where D has no
/// room on the stack.
WB_INLINE void draws_in_lanes(const Rows *r, size_t R, size_t W, const Columns *c, const double *z, double *values,
                              double *gradient, double *point, double *slope) {
  double t[CHUNK * 8 * WIDTH];
  const double *x[CHUNK];
  size_t D = r->dimension, row[CHUNK];
  v8 found[WIDTH] = {all8(0), all8(0), all8(0)};
  for (size_t n0 = 0; n0 < r->count; n0 += r->chunk) {
    int is_first = n0 == 0, is_last = r->count - n0 <= r->chunk, is_tiled = D > TILE;
    size_t rows = is_last ? r->count - n0 : r->chunk;
    for (size_t j = 0; j < rows; j++) row[j] = r->picked ? (size_t)r->picked[(n0 + j) * r->step] : n0 + j;
    for (size_t d = 0; d < D; d += TILE) {
      size_t size = D - d < TILE ? D - d : TILE, j = 0;
      if (is_tiled || is_first) gather(c, W, z, d, d + size, point);
      for (size_t i = 0; i < rows; i++) x[i] = r->design + row[i] * D + d;
      for (; j + R <= rows; j += R) predict(R, W, x + j, size, point, d > 0, t + j * 8 * W);
      for (; j + 2 <= rows; j += 2) predict(2, W, x + j, size, point, d > 0, t + j * 8 * W);
      for (; j < rows; j++) predict(1, W, x + j, size, point, d > 0, t + j * 8 * W);
    }
    BY_KIND(respond_rows, r->response, values, gradient, r, row, rows, W, t, found);
    if (!gradient) continue;
    for (size_t d = 0; d < D; d += TILE) {
      size_t size = D - d < TILE ? D - d : TILE, i = 0;
      if (is_first) memset(slope, 0, size * 8 * W * sizeof(double));
      else if (is_tiled) gather(c, W, gradient, d, d + size, slope);
      for (size_t j = 0; j < rows; j++) x[j] = r->design + row[j] * D + d;
      for (; i + R <= size; i += R) accumulate(R, W, x, rows, i, t, slope + i * 8 * W);
      for (; i + 2 <= size; i += 2) accumulate(2, W, x, rows, i, t, slope + i * 8 * W);
      for (; i < size; i++) accumulate(1, W, x, rows, i, t, slope + i * 8 * W);
      if (is_tiled || is_last) scatter(c, W, slope, is_last ? slope_factor(r) : 1, d, d + size, gradient);
    }
  }
  if (values)
    for (size_t i = 0; i < c->count; i++) values[c->value[i]] = r->weight * found[i / 8][i % 8];
}
