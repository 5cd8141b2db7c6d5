// The part of OpenBLAS that the workbench uses. Its Fortran name: GSL's reference BLAS exports the cblas_ names too, and
// which of the two a program then gets is up to the order of its libraries. It has no dgemm_.
#pragma once

/// C = alpha op(A) op(B) + beta C, column by column: op(A) is m x k, op(B) is k x n.
void dgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb, const double *beta,
            double *c, const int *ldc);
/// How many threads a product may use.
void openblas_set_num_threads(int threads);
/// Version and build options, such as "OpenBLAS 0.3.21 DYNAMIC_ARCH".
char *openblas_get_config(void);
/// The processor whose kernels were chosen, such as "SkylakeX".
char *openblas_get_corename(void);
