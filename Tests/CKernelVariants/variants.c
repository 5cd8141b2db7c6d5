#include "CKernelVariants.h"

#define VARIANT(name)                                                \
  const gsl_rng_type *wb_xoshiro256x8_##name(void);                  \
  void wb_fill_uniform_xoshiro256x8_##name(const gsl_rng *, double *, size_t); \
  void wb_fill_normal_xoshiro256x8_##name(const gsl_rng *, double *, size_t);  \
  void wb_box_muller_##name(const uint64_t *, double *);             \
  void wb_normal_quantiles_##name(double *, size_t);                 \
  void wb_regression_##name(enum wb_response, double, const double *, const double *, const double *, const double *, \
                            size_t, const int32_t *, size_t, const double *, double *, double *, size_t, size_t, size_t); \
  static const struct wb_variant name = {                            \
      #name, wb_xoshiro256x8_##name, wb_fill_uniform_xoshiro256x8_##name, wb_fill_normal_xoshiro256x8_##name, \
      wb_box_muller_##name, wb_normal_quantiles_##name, wb_regression_##name};

VARIANT(plain)
#if defined(__x86_64__)
VARIANT(v3)
VARIANT(v4)
#endif

const struct wb_variant *wb_variant(size_t index) {
  if (index == 0) return &plain;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (index == 1 && __builtin_cpu_supports("x86-64-v3")) return &v3;
  if (index == 2 && __builtin_cpu_supports("x86-64-v4")) return &v4;
#endif
  return NULL;
}
