#include "kernels.h"
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_version.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

const gsl_rng_type **wb_generator_types(void) { return gsl_rng_types_setup(); }
int wb_symmetric_eigenvalues(double *matrix, double *values, size_t n) {
  gsl_eigen_symm_workspace *workspace = gsl_eigen_symm_alloc(n);
  if (!workspace) return GSL_ENOMEM;
  gsl_matrix_view a = gsl_matrix_view_array(matrix, n, n);
  gsl_vector_view v = gsl_vector_view_array(values, n);
  int status = gsl_eigen_symm(&a.matrix, &v.vector, workspace);
  gsl_eigen_symm_free(workspace);
  return status;
}

void wb_silence_gsl(void) { gsl_set_error_handler_off(); }

void wb_fill_normal_ziggurat(const gsl_rng *rng, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = gsl_ran_gaussian_ziggurat(rng, 1.0);
}

void wb_fill_normal_polar(const gsl_rng *rng, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = gsl_ran_gaussian(rng, 1.0);
}

void wb_fill_uniform(const gsl_rng *rng, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = gsl_rng_uniform(rng);
}

void wb_choose(const gsl_rng *rng, int32_t *order, size_t count, size_t chosen, size_t lanes, int32_t *out) {
  // The first `chosen` steps of a Fisher-Yates shuffle; any starting permutation will do.
  for (size_t lane = 0; lane < lanes; lane++)
    for (size_t i = 0; i < chosen; i++) {
      // floor(u * m) instead of gsl_rng_uniform_int, which refuses generators of a narrow range.
      // (zuf's uniform can be exactly 1.)
      size_t left = count - i, step = (size_t)(gsl_rng_uniform(rng) * (double)left);
      size_t j = i + (step < left ? step : left - 1);
      int32_t picked = order[j];
      order[j] = order[i];
      order[i] = picked;
      out[i * lanes + lane] = picked;
    }
}

const gsl_qrng_type *wb_sequence_type(enum wb_sequence sequence) {
  switch (sequence) {
    case WB_SOBOL: return gsl_qrng_sobol;
    case WB_NIEDERREITER: return gsl_qrng_niederreiter_2;
    case WB_HALTON: return gsl_qrng_halton;
  }
  return NULL;
}

const gsl_multimin_fdfminimizer_type *wb_bfgs(void) { return gsl_multimin_fdfminimizer_vector_bfgs2; }

const char *wb_gsl_version(void) { return gsl_version; }

const char *wb_libm_version(void) {
#ifdef __GLIBC__
  return gnu_get_libc_version();
#else
  return "of the system";
#endif
}
