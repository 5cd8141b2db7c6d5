#include "kernels.h"

WB_INLINE double row_sum(const double *row, size_t n) {
  v8 sum = all8(0);
  size_t l = 0;
  for (; l + 8 <= n; l += 8) sum += load8(row + l);
  if (l < n) sum += load_some(row + l, n - l);
  return sum8(sum);
}

WB_CLONES void wb_row_means(const double *rows, double *mean, size_t row_count, size_t lanes) {
  for (size_t p = 0; p < row_count; p++) mean[p] = row_sum(rows + p * lanes, lanes) / (double)lanes;
}

/// The values of lanes l...l+7, `filler` beyond n, and 1 or 0 for inside or outside.
#define LOAD_LANES(p, l, n, filler, values, inside)                       \
  v8 values, inside = all8(1);                                            \
  if ((l) + 8 <= (n)) values = load8((p) + (l));                          \
  else {                                                                  \
    double v_tail[8], i_tail[8];                                          \
    for (size_t i = 0; i < 8; i++) {                                      \
      i_tail[i] = (l) + i < (n) ? 1.0 : 0.0;                              \
      v_tail[i] = (l) + i < (n) ? (p)[(l) + i] : (filler);                \
    }                                                                     \
    values = load8(v_tail);                                               \
    inside = load8(i_tail);                                               \
  }

WB_CLONES void wb_row_deviations(const double *rows, const double *mean, double factor,
                                 const double *inverse_scale, const double *weights, double *sums, double *distance,
                                 size_t row_count, size_t lanes) {
  size_t whole = lanes / 8 * 8, n = lanes - whole;
  double inside[8] = {0};
  for (size_t i = 0; i < n; i++) inside[i] = 1;
  for (size_t p = 0; p < row_count; p++) {
    const double *row = rows + p * lanes;
    double center = mean[p], scale = factor * inverse_scale[p], share = weights ? factor * weights[p] : factor;
    v8 total = all8(0), s1 = total, s2 = total, s3 = total, s4 = total;
    for (size_t l = 0; l < whole; l += 8) {
      v8 d = load8(row + l) - center, y = d * d, e = fma8(y, all8(scale), all8(-1)), ee = e * e;
      store8(distance + l, fma8(y, all8(share), load8(distance + l)));
      total += y;
      s1 += e;
      s2 = fma8(e, e, s2);
      s3 = fma8(ee, e, s3);
      s4 = fma8(ee, ee, s4);
    }
    if (n) {
      v8 in = load8(inside), d = (load_some(row + whole, n) - center) * in, y = d * d;
      v8 e = fma8(y, all8(scale), all8(-1)) * in, ee = e * e;
      store_some(distance + whole, fma8(y, all8(share), load_some(distance + whole, n)), n);
      total += y;
      s1 += e;
      s2 = fma8(e, e, s2);
      s3 = fma8(ee, e, s3);
      s4 = fma8(ee, ee, s4);
    }
    double *out = sums + 5 * p;
    out[0] += factor * sum8(total);
    out[1] += sum8(s1);
    out[2] += sum8(s2);
    out[3] += sum8(s3);
    out[4] += sum8(s4);
  }
}

WB_CLONES size_t wb_count_above(const double *values, double threshold, double *largest, size_t n) {
  i8 count = {0};
  v8 most = all8(-INFINITY);
  size_t l = 0;
  for (; l + 8 <= n; l += 8) {
    v8 x = load8(values + l);
    count -= x > threshold;
    most = select8(x > most, x, most);
  }
  size_t total = 0;
  double top = -INFINITY;
  for (int i = 0; i < 8; i++) {
    total += (size_t)count[i];
    if (most[i] > top) top = most[i];
  }
  for (; l < n; l++) {
    total += values[l] > threshold;
    if (values[l] > top) top = values[l];
  }
  *largest = top;
  return total;
}

WB_CLONES size_t wb_collect_above(const double *values, double threshold, double *out, size_t room, size_t n) {
  size_t count = 0;
  for (size_t start = 0; start < n; start += 8) {
    size_t end = start + 8 <= n ? start + 8 : n;
    if (start + 8 <= n) {
      i8 above = load8(values + start) > threshold;
      if (!((above[0] | above[1] | above[2] | above[3]) | (above[4] | above[5] | above[6] | above[7]))) continue;
    }
    for (size_t l = start; l < end && count < room; l++) {
      out[count] = values[l];
      count += values[l] > threshold;
    }
  }
  return count;
}

WB_CLONES double wb_mean_log_complement(const double *x, double factor, size_t n) {
  v8 sum = all8(0);
  size_t l = 0;
  for (; l + 8 <= n; l += 8) sum += log8(fma8(load8(x + l), all8(-factor), all8(1)));
  // Beyond the end: log 1.
  if (l < n) sum += log8(fma8(load_some(x + l, n - l), all8(-factor), all8(1)));
  return sum8(sum) / (double)n;
}

WB_CLONES void wb_power_sums(const double *values, double inverse_scale, double *sums, double *groups, size_t n) {
  v8 s1 = all8(0), s2 = s1, s3 = s1, s4 = s1;
  v8 count[2] = {s1, s1}, first[2] = {s1, s1}, second[2] = {s1, s1};
  for (size_t l = 0; l < n; l += 8) {
    LOAD_LANES(values, l, n, 0.0, raw, inside)
    v8 y = raw * inverse_scale, e = (y - 1.0) * inside, ee = e * e;
    s1 += e;
    s2 += ee;
    s3 += ee * e;
    s4 += ee * ee;
    size_t half = l / 8 % 2;
    count[half] += inside;
    first[half] += y;
    second[half] += y * y;
  }
  sums[0] += sum8(s1);
  sums[1] += sum8(s2);
  sums[2] += sum8(s3);
  sums[3] += sum8(s4);
  for (int i = 0; i < 16; i++) {
    groups[i] += count[i / 8][i % 8];
    groups[16 + i] += first[i / 8][i % 8];
    groups[32 + i] += second[i / 8][i % 8];
  }
}

WB_CLONES void wb_cross_sums(const double *a, double inverse_scale_a, const double *b, double inverse_scale_b,
                             double *sums, size_t n) {
  v8 t[14];
  for (int i = 0; i < 14; i++) t[i] = all8(0);
  for (size_t l = 0; l < n; l += 8) {
    LOAD_LANES(a, l, n, 0.0, x, inside)
    LOAD_LANES(b, l, n, 0.0, y, inside_too)
    (void)inside_too;
    x *= inverse_scale_a;
    y *= inverse_scale_b;
    v8 d = (x - y) * inside, s = (0.5 * (x + y) - 1.0) * inside;
    v8 dd = d * d, ds = d * s, ss = s * s;
    t[0] += d;
    t[1] += s;
    t[2] += dd;
    t[3] += ds;
    t[4] += ss;
    t[5] += dd * d;
    t[6] += dd * s;
    t[7] += d * ss;
    t[8] += ss * s;
    t[9] += dd * dd;
    t[10] += dd * ds;
    t[11] += dd * ss;
    t[12] += ds * ss;
    t[13] += ss * ss;
  }
  for (int i = 0; i < 14; i++) sums[i] += sum8(t[i]);
}

WB_CLONES void wb_row_products(const double *rows, double *products, size_t row_count, size_t lanes) {
  for (size_t i = 0; i < row_count; i++)
    for (size_t j = i; j < row_count; j++) {
      const double *a = rows + i * lanes, *b = rows + j * lanes;
      v8 sum = all8(0);
      size_t l = 0;
      for (; l + 8 <= lanes; l += 8) sum = fma8(load8(a + l), load8(b + l), sum);
      if (l < lanes) sum = fma8(load_some(a + l, lanes - l), load_some(b + l, lanes - l), sum);
      *products++ += sum8(sum);
    }
}

void wb_place_columns(const double *rows, size_t row_count, size_t lanes, double *wide, size_t width, size_t column) {
  for (size_t p = 0; p < row_count; p++) memcpy(wide + p * width + column, rows + p * lanes, lanes * sizeof(double));
}
