#include "kernels.h"

WB_CLONES void wb_fill_rows(const double *values, double *rows, size_t row_count, size_t lanes) {
  for (size_t r = 0; r < row_count; r++)
    for (size_t i = 0; i < lanes; i++) rows[r * lanes + i] = values[r];
}

WB_CLONES void wb_add_row_sums(const double *rows, double factor, double *sums, size_t row_count, size_t lanes) {
  for (size_t r = 0; r < row_count; r++) {
    const double *row = rows + r * lanes;
    v8 total = all8(0.0);
    size_t i = 0;
    for (; i + 8 <= lanes; i += 8) total += load8(row + i);
    if (i < lanes) total += load_some(row + i, lanes - i);
    sums[r] += factor * sum8(total);
  }
}

WB_CLONES void wb_scale_lanes(const double *rows, const double *factors, double *out, size_t row_count, size_t lanes) {
  for (size_t r = 0; r < row_count; r++)
    for (size_t i = 0; i < lanes; i++) out[r * lanes + i] = rows[r * lanes + i] * factors[i];
}

WB_CLONES void wb_add_lane_products(const double *factors, const double *rows, double *out, size_t row_count,
                                    size_t lanes) {
  for (size_t r = 0; r < row_count; r++)
    for (size_t i = 0; i < lanes; i++) out[r * lanes + i] += factors[i] * rows[r * lanes + i];
}

#define map8(values, n, f) do { \
  size_t i_ = 0; \
  for (; i_ + 8 <= (n); i_ += 8) store8((values) + i_, f(load8((values) + i_))); \
  if (i_ < (n)) store_some((values) + i_, f(load_some((values) + i_, (n) - i_)), (n) - i_); \
} while (0)
// log(1 + e) for e in [0, 1], by Kahan's correction of what 1 + e loses.
#define log_one_plus8(e) ({ \
  v8 e_ = (e), u_ = 1.0 + e_, d_ = u_ - 1.0, zero_ = all8(0.0); \
  i8 none_ = d_ == zero_; \
  v8 q_ = e_ / select8(none_, all8(1.0), d_); \
  select8(none_, e_, log8(u_) * q_); \
})
#define softplus8(x) ({ v8 x_ = (x); select8(x_ > 0.0, x_, all8(0.0)) + log_one_plus8(exp8(-abs8(x_))); })
#define relu8(x) ({ v8 x_ = (x); select8(x_ > 0.0, x_, all8(0.0)); })

WB_CLONES void wb_activate(enum wb_activation activation, double *values, size_t n) {
  switch (activation) {
    case WB_TANH: map8(values, n, tanh8); break;
    case WB_RELU: map8(values, n, relu8); break;
    case WB_SOFTPLUS: map8(values, n, softplus8); break;
  }
}

WB_CLONES void wb_activation_pullback(enum wb_activation activation, const double *activations, double *cotangents,
                                      size_t n) {
  switch (activation) {
    case WB_TANH:
      for (size_t i = 0; i < n; i++) cotangents[i] *= 1 - activations[i] * activations[i];
      break;
    case WB_RELU:
      for (size_t i = 0; i < n; i++) cotangents[i] = activations[i] > 0 ? cotangents[i] : 0;
      break;
    case WB_SOFTPLUS: {
      // 1/(1 + e^-x) = 1 - e^-a for a = log(1 + e^x).
      size_t i = 0;
      for (; i + 8 <= n; i += 8)
        store8(cotangents + i, load8(cotangents + i) * (1.0 - exp8(-load8(activations + i))));
      if (i < n)
        store_some(cotangents + i, load_some(cotangents + i, n - i) * (1.0 - exp8(-load_some(activations + i, n - i))),
                   n - i);
      break;
    }
  }
}

WB_CLONES void wb_bernoulli_logits(const double *logits, const double *x, int x_by_lane, double *values,
                                   double *slopes, size_t d, size_t lanes) {
  if (values)
    for (size_t i = 0; i < lanes; i++) values[i] = 0;
  for (size_t j = 0; j < d; j++) {
    const double *row = logits + j * lanes;
    for (size_t i = 0; i < lanes; i += 8) {
      size_t n = lanes - i < 8 ? lanes - i : 8;
      v8 a = n == 8 ? load8(row + i) : load_some(row + i, n);
      v8 y = !x_by_lane ? all8(x[j]) : n == 8 ? load8(x + j * lanes + i) : load_some(x + j * lanes + i, n);
      v8 e = exp8(-abs8(a));
      if (values) {
        v8 value = y * a - (select8(a > 0.0, a, all8(0.0)) + log_one_plus8(e));
        if (n == 8) store8(values + i, load8(values + i) + value);
        else store_some(values + i, load_some(values + i, n) + value, n);
      }
      if (slopes) {
        v8 slope = y - select8(a < 0.0, e, all8(1.0)) / (1.0 + e);
        if (n == 8) store8(slopes + j * lanes + i, slope);
        else store_some(slopes + j * lanes + i, slope, n);
      }
    }
  }
}
