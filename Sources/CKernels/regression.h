// A regression: its data, and the terms of its log likelihood. Private to this target.
#pragma once
#include "kernels.h"

// A column is a draw of a lane; its log likelihood and gradient are sums over rows. Two layouts work them out, draws in
// the lanes of a vector or, where columns are few, rows. Both follow one order: x . z coordinate by coordinate, rows one
// by one within a chunk, chunk by chunk. So a column's bits do not depend on which of them it goes through, nor on its
// company.
//
// The rows are cut into chunks of equal length, eight times as many as hold CHUNK rows or fewer: where rows are in the
// lanes, a lane has a chunk.
enum {
  CHUNK = 96,    // rows of a chunk, at most
  TILE = 128,    // coordinates that have room on the stack at once
  WIDTH = 3,     // vectors of draws side by side, at most
  FEW = 12,      // columns that rows in the lanes are for, at most
  TOGETHER = 5,  // of these, in the registers at once
};

/// Rows of design [N x D] in order, or those of picked[0], picked[step], ...
typedef struct {
  enum wb_response response;
  const double *design, *target, *offset, *panels;
  double precision, weight;
  size_t dimension, count, chunk, step;
  const int32_t *picked;
} Rows;

/// Of the derivatives' sums.
static inline double slope_factor(const Rows *r) {
  return r->response == WB_NORMAL ? r->weight * r->precision : r->weight;
}

static size_t chunk_length(size_t count) {
  size_t sets = (count + 8 * CHUNK - 1) / (8 * CHUNK);
  return (count + 8 * sets - 1) / (8 * sets);
}

/// e^x for x <= 0, of which what is below e^-708 counts as that: exp8 without the cases that cannot be, and with a
/// polynomial of least relative error, 4e-18, in place of Taylor's.
WB_INLINE void exp_negative_into(const v8 *in, v8 *out) {
  v8 x = *in, c = select8(x < -708.0, all8(-708.0), x);
  v8 shifted = horner8(c, all8(1.4426950408889634), 6755399441055744.0), k = shifted - 6755399441055744.0;
  v8 r = fma8(k, all8(-1.90821492927058770002e-10), fma8(k, all8(-6.93147180369123816490e-01), c));
  v8 p = all8(0x1.ad7f71389e84ep-26);
  p = horner8(p, r, 0x1.28ad732fc117ep-22);
  p = horner8(p, r, 0x1.71df25516f2f0p-19);
  p = horner8(p, r, 0x1.a0199a0bf0ec9p-16);
  p = horner8(p, r, 0x1.a01a012a57af1p-13);
  p = horner8(p, r, 0x1.6c16c1842a428p-10);
  p = horner8(p, r, 0x1.1111111127be7p-7);
  p = horner8(p, r, 0x1.555555555087bp-5);
  p = horner8(p, r, 0x1.55555555554fap-3);
  p = horner8(p, r, 0x1.000000000000ap-1);
  v8 e = 1.0 + fma8(r * r, p, r);
  *out = (v8)((i8)e + ((i8)shifted << 52));  // the low bits of `shifted` are those of k
}

/// One row at eight columns, or eight rows at one. *t is the predictor, and where `gradient` becomes the term's
/// derivative in it; where `values` the term is added to *sum, but for the logarithm of a factor in (1, 2] of *product:
/// one log serves a chunk, and no worse than the rounding of the sum.
WB_INLINE void respond(enum wb_response response, double precision, int values, int gradient, const v8 *target,
                       const v8 *offset, v8 *t, v8 *sum, v8 *product) {
  v8 y = *target;
  if (response == WB_LOGISTIC) {
    // log 1/(1 + e^-s), s = t for y = 1 and -t for y = 0: min(s, 0) - log(1 + e^-|t|).
    const i8 sign = (i8)all8(-0.0);
    i8 flip = (i8)(y - 0.5) & sign;
    v8 s = (v8)((i8)*t ^ flip), below = (v8)((i8)*t | sign), u;
    exp_negative_into(&below, &u);
    if (values) {
      *sum += select8(s > 0, all8(0), s);
      *product = fma8(*product, u, *product);
    }
    if (gradient) *t = (v8)((i8)(select8(s > 0, u, all8(1)) / (1.0 + u)) ^ flip);
  } else if (response == WB_NORMAL) {
    v8 e = y - *t;
    if (values) *sum += fma8((-0.5 * precision) * e, e, *offset);
    if (gradient) *t = e;
  } else {
    v8 mean = exp8(*t);
    if (values) *sum += fma8(y, *t, -mean) + *offset;
    if (gradient) *t = y - mean;
  }
}

#define UNROLLED _Pragma("clang loop unroll(full)") for

/// f(response, values, gradient, ...), each compiled for itself.
#define BY_KIND(f, response, values, gradient, ...)                       \
  do {                                                                    \
    if (!(gradient)) BY_RESPONSE(f, response, 1, 0, __VA_ARGS__)          \
    else if (!(values)) BY_RESPONSE(f, response, 0, 1, __VA_ARGS__)       \
    else BY_RESPONSE(f, response, 1, 1, __VA_ARGS__)                      \
  } while (0)
#define BY_RESPONSE(f, response, ...)                                     \
  switch (response) {                                                     \
    case WB_LOGISTIC: f(WB_LOGISTIC, __VA_ARGS__); break;                 \
    case WB_NORMAL: f(WB_NORMAL, __VA_ARGS__); break;                     \
    case WB_POISSON: f(WB_POISSON, __VA_ARGS__); break;                   \
  }
