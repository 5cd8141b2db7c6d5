#include "kernels.h"

WB_CLONES void wb_autoregressive_density_values(const double *z, const double *center, double precision,
                                                double later, double coefficient, double *values, size_t K, size_t D,
                                                size_t B) {
  double first = 0.5 * (log8(all8(precision))[0] - WB_LOG_2PI), rest = 0.5 * (log8(all8(later))[0] - WB_LOG_2PI);
  for (size_t k = 0; k < K; k++) {
    double *v = values + k * B;
    const double *row = z + k * D * B;
    for (size_t l = 0; l < B; l++) {
      double r = row[l] - center[0];
      v[l] = first - 0.5 * precision * (r * r);
    }
    for (size_t d = 1; d < D; d++) {
      const double *before = row;
      row += B;
      for (size_t l = 0; l < B; l++) {
        double e = (row[l] - center[d]) - coefficient * (before[l] - center[d - 1]);
        v[l] += rest - 0.5 * later * (e * e);
      }
    }
  }
}

WB_CLONES void wb_autoregressive_density_gradient(const double *z, const double *center, double precision,
                                                  double later, double coefficient, double *gradient, size_t K,
                                                  size_t D, size_t B) {
  for (size_t k = 0; k < K; k++) {
    const double *row = z + k * D * B;
    double *g = gradient + k * D * B;
    for (size_t l = 0; l < B; l++) g[l] = -(precision * (row[l] - center[0]));
    // Innovation d moves z_d and, by the coefficient, z_{d-1}.
    for (size_t d = 1; d < D; d++) {
      const double *before = row;
      double *left = g;
      row += B;
      g += B;
      for (size_t l = 0; l < B; l++) {
        double e = later * ((row[l] - center[d]) - coefficient * (before[l] - center[d - 1]));
        left[l] += coefficient * e;
        g[l] = -e;
      }
    }
  }
}
