#include "kernels.h"

WB_CLONES double wb_exp(double x) { return exp8(all8(x))[0]; }

WB_CLONES double wb_log(double x) {
  if (!(x >= 2.2250738585072014e-308) || x == INFINITY) return log(x);  // zero, negative, subnormal, not finite
  return log8(all8(x))[0];
}

WB_CLONES void wb_exp_all(double *values, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) store8(values + i, exp8(load8(values + i)));
  if (i < n) store_some(values + i, exp8(load_some(values + i, n - i)), n - i);
}

WB_CLONES void wb_tanh_all(double *values, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) store8(values + i, tanh8(load8(values + i)));
  if (i < n) store_some(values + i, tanh8(load_some(values + i, n - i)), n - i);
}

double wb_log_one_plus(double x) {
  double u = 1 + x;
  if (u == 1) return x;
  if (!(x > -1 && x < 1e10)) return wb_log(u);
  return wb_log(u) * (x / (u - 1));
}

double wb_sigmoid(double x) {
  double e = wb_exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

double wb_softplus(double x) { return (x > 0 ? x : 0) + wb_log_one_plus(wb_exp(-fabs(x))); }

WB_CLONES void wb_add_scaled(double *out, const double *in, double scale, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] += scale * in[i];
}

WB_CLONES void wb_add_constant(double *out, double value, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] += value;
}

WB_CLONES void wb_adam_update(double *restrict parameters, const double *restrict gradient, double *restrict first,
                              double *restrict second, double rate, double beta1, double beta2, double correction1,
                              double correction2, double epsilon, size_t n) {
  for (size_t i = 0; i < n; i++) {
    double g = gradient[i];
    first[i] = beta1 * first[i] + (1 - beta1) * g;
    second[i] = beta2 * second[i] + (1 - beta2) * g * g;
    parameters[i] += rate * (first[i] / correction1) / (sqrt(second[i] / correction2) + epsilon);
  }
}

WB_CLONES int wb_all_finite(const double *values, size_t n) {
  // x - x is 0 of a finite x, and else NaN: no early exit, and so whole vectors.
  int finite = 1;
  for (size_t i = 0; i < n; i++) finite &= values[i] - values[i] == 0;
  return finite;
}

const char *wb_vector_width(void) {
#if defined(__x86_64__) && defined(__linux__) && !defined(WB_NO_CLONES)
  __builtin_cpu_init();
  return __builtin_cpu_supports("x86-64-v4") ? "x86-64-v4" : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "x86-64";
#else
  return "baseline";
#endif
}
