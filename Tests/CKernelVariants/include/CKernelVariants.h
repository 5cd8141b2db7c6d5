// Kernels compiled once for each instruction set that `WB_CLONES` names, so that tests can compare their bits on one
// processor. A kernel is added here by a member, and by a line in variant.h and variants.c.
#pragma once
#include <CKernels.h>
#include <gsl/gsl_rng.h>
#include <stddef.h>
#include <stdint.h>

struct wb_variant {
  const char *instruction_set;
  const gsl_rng_type *(*xoshiro256x8)(void);
  void (*fill_uniform)(const gsl_rng *, double *, size_t);
  void (*fill_normal)(const gsl_rng *, double *, size_t);
  void (*box_muller)(const uint64_t *, double *);
  void (*normal_quantiles)(double *, size_t);
  void (*regression)(enum wb_response, double, const double *, const double *, const double *, const double *, size_t,
                     const int32_t *, size_t, const double *, double *, double *, size_t, size_t, size_t);
};

/// Variant `index`, or null; those that this processor cannot run are left out.
const struct wb_variant *wb_variant(size_t index);
