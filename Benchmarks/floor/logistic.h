// Bayesian logistic regression on the breast-cancer data: 569 rows, 30 columns standardised, an intercept.
#pragma once
#include "estimators.h"
#include <stdio.h>

enum {
  ROWS = 569, COLUMNS = 31,
  PADDED_ROWS = 576, PADDED_COLUMNS = 32,
  ROW_BLOCK = 48,        // rows whose predictors stay in the cache
  WIDTH = 3,             // vectors of replicates in the registers
  LOGISTIC_VECTORS = 12  // of a batch
};

// The design matrix row by row, column by column, and in panels of eight rows; the target. Zero beyond the data, and
// the target 1/2 there, so that padding has no gradient.
static double by_row[PADDED_ROWS][PADDED_COLUMNS] __attribute__((aligned(64)));
static double by_column[PADDED_COLUMNS][PADDED_ROWS] __attribute__((aligned(64)));
static double panels[PADDED_ROWS / 8][PADDED_COLUMNS][8] __attribute__((aligned(64)));
static double target[PADDED_ROWS] __attribute__((aligned(64)));

/// Reads a header and rows of 30 numbers and a target of 0 or 1.
static void load(const char *path) {
  FILE *file = fopen(path, "r");
  char line[4096];
  if (!file || !fgets(line, sizeof line, file)) {
    perror(path);
    exit(1);
  }
  int rows = 0;
  for (; rows < ROWS && fgets(line, sizeof line, file); rows++) {
    char *rest = line;
    for (int d = 0; d < COLUMNS; d++) {
      char *end;
      double value = strtod(rest, &end);
      if (end == rest || *end != (d < COLUMNS - 1 ? ',' : '\n')) {
        fprintf(stderr, "%s:%d: not 31 numbers\n", path, rows + 2);
        exit(1);
      }
      if (d < COLUMNS - 1) by_row[rows][d] = value;
      else target[rows] = value;
      rest = end + 1;
    }
    by_row[rows][COLUMNS - 1] = 1;
  }
  fclose(file);
  if (rows != ROWS) {
    fprintf(stderr, "%s: %d rows in place of %d\n", path, rows, ROWS);
    exit(1);
  }
  for (int d = 0; d < COLUMNS - 1; d++) {
    double mean = 0, square = 0;
    for (int n = 0; n < ROWS; n++) mean += by_row[n][d] / ROWS;
    for (int n = 0; n < ROWS; n++) square += (by_row[n][d] - mean) * (by_row[n][d] - mean) / ROWS;
    for (int n = 0; n < ROWS; n++) by_row[n][d] = (by_row[n][d] - mean) / sqrt(square);
  }
  for (int n = ROWS; n < PADDED_ROWS; n++) target[n] = 0.5;
  for (int n = 0; n < PADDED_ROWS; n++)
    for (int d = 0; d < PADDED_COLUMNS; d++) by_column[d][n] = panels[n / 8][d][n % 8] = by_row[n][d];
}

static inline v8 exp8(v8 t) {
  static const double c[] = {1.,      1.,       1. / 2,    1. / 6,      1. / 24,     1. / 120,
                             1. / 720, 1. / 5040, 1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800};
  __m512d x = _mm512_max_pd(_mm512_min_pd((__m512d)t, set8(700)), set8(-700));
  __m512d k = _mm512_roundscale_pd(_mm512_mul_pd(x, set8(1.4426950408889634)), 8);
  __m512d r = _mm512_fnmadd_pd(k, set8(0.693147180369123816490), x);
  r = _mm512_fnmadd_pd(k, set8(1.90821492927058770002e-10), r);
  return (v8)_mm512_scalef_pd(polynomial8(c, 12, r), k);
}

static inline v8 sigmoid8(v8 t) { return (v8)reciprocal8((__m512d)(1.0 + exp8(-t))); }

/// x_n·z of eight rows for 24 replicates.
static inline __attribute__((always_inline)) void predictors(const double panel[][8], const v8 *z, v8 *out) {
  v8 a[8][WIDTH];
  for (int j = 0; j < 8; j++)
    for (int m = 0; m < WIDTH; m++) a[j][m] = all8(0);
  for (int d = 0; d < COLUMNS; d++) {
    v8 z0 = z[d * WIDTH], z1 = z[d * WIDTH + 1], z2 = z[d * WIDTH + 2];
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
      v8 x = all8(panel[d][j]);
      a[j][0] += x * z0;
      a[j][1] += x * z1;
      a[j][2] += x * z2;
    }
  }
  for (int j = 0; j < 8; j++)
    for (int m = 0; m < WIDTH; m++) out[j * WIDTH + m] = a[j][m];
}

/// log p(y | z) of 24 replicates, z `[D × 3]` vectors.
static void __attribute__((noinline)) log_likelihood(const v8 *z, v8 *values) {
  v8 eta[ROW_BLOCK * WIDTH];
  for (int m = 0; m < WIDTH; m++) values[m] = all8((PADDED_ROWS - ROWS) * 0.6931471805599453);
  for (int block = 0; block < PADDED_ROWS; block += ROW_BLOCK) {
    for (int n = 0; n < ROW_BLOCK; n += 8) predictors(panels[(block + n) / 8], z, eta + n * WIDTH);
    // Σ log(1 + e^−|η|) is the logarithm of a product of 48 factors in (1, 2].
    v8 product[WIDTH] = {all8(1), all8(1), all8(1)};
    for (int n = 0; n < ROW_BLOCK; n++)
      for (int m = 0; m < WIDTH; m++) {
        v8 t = eta[n * WIDTH + m];
        product[m] *= 1.0 + exp8(-(v8)_mm512_abs_pd((__m512d)t));
        values[m] += target[block + n] * t - (v8)_mm512_max_pd((__m512d)t, set8(0));
      }
    for (int m = 0; m < WIDTH; m++) values[m] -= (v8)log8((__m512d)product[m]);
  }
}

/// ∇ log p(y | z) of 24 replicates, `[D × 3]` vectors.
static void __attribute__((noinline)) likelihood_gradient(const v8 *z, v8 *gradient) {
  v8 residual[ROW_BLOCK * WIDTH];
  for (int i = 0; i < PADDED_COLUMNS * WIDTH; i++) gradient[i] = all8(0);
  for (int block = 0; block < PADDED_ROWS; block += ROW_BLOCK) {
    for (int n = 0; n < ROW_BLOCK; n += 8) predictors(panels[(block + n) / 8], z, residual + n * WIDTH);
    for (int n = 0; n < ROW_BLOCK; n++)
      for (int m = 0; m < WIDTH; m++)
        residual[n * WIDTH + m] = target[block + n] - sigmoid8(residual[n * WIDTH + m]);
    for (int d = 0; d < PADDED_COLUMNS; d += 8) {
      v8 a[8][WIDTH];
      for (int j = 0; j < 8; j++)
        for (int m = 0; m < WIDTH; m++) a[j][m] = gradient[(d + j) * WIDTH + m];
      for (int n = 0; n < ROW_BLOCK; n++) {
        v8 r0 = residual[n * WIDTH], r1 = residual[n * WIDTH + 1], r2 = residual[n * WIDTH + 2];
        const double *x = by_row[block + n] + d;
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
          v8 xj = all8(x[j]);
          a[j][0] += xj * r0;
          a[j][1] += xj * r1;
          a[j][2] += xj * r2;
        }
      }
      for (int j = 0; j < 8; j++)
        for (int m = 0; m < WIDTH; m++) gradient[(d + j) * WIDTH + m] = a[j][m];
    }
  }
}

static timing logistic_run(normals rng, int estimators, int K, long replicates) {
  enum { D = COLUMNS, ROOM = D * WIDTH };
  double mean[D], scale[D], entropy = 0;
  for (int d = 0; d < D; d++) {
    mean[d] = 0;
    scale[d] = exp(-1.0);
    entropy += -1.0;
  }
  comparison c;
  comparison_init(&c, estimators, 2 * D, LOGISTIC_VECTORS);
  v8 *eps = zeroed(sizeof(v8) * (ROOM + 2)), *z = zeroed(sizeof(v8) * PADDED_COLUMNS * WIDTH);
  v8 *gradient = zeroed(sizeof(v8) * PADDED_COLUMNS * WIDTH), *sums = zeroed(sizeof(v8) * 6 * ROOM);
  v8 *score = sums, *total = sums + 2 * ROOM, *likelihood = sums + 4 * ROOM;
  double share = 1.0 / K, start = seconds();
  for (long done = 0; done < replicates; done += 8 * LOGISTIC_VECTORS) {
    for (int vector = 0; vector < LOGISTIC_VECTORS; vector += WIDTH) {
      memset(sums, 0, sizeof(v8) * 6 * ROOM);
      for (int k = 0; k < K; k++) {
        rng.fill(rng.state, (double *)eps, 8 * ROOM);
        for (int d = 0; d < D; d++)
          for (int m = 0; m < WIDTH; m++) z[d * WIDTH + m] = mean[d] + scale[d] * eps[d * WIDTH + m];
        if (estimators & SCORE) {
          v8 f[WIDTH];
          log_likelihood(z, f);
          for (int m = 0; m < WIDTH; m++) {
            v8 squares = all8(0);
            for (int i = m; i < ROOM; i += WIDTH) squares += z[i] * z[i] - eps[i] * eps[i];
            f[m] += entropy - 0.5 * squares;
          }
          for (int d = 0; d < D; d++)
            for (int m = 0; m < WIDTH; m++) {
              int i = d * WIDTH + m;
              v8 t = f[m] * eps[i];
              score[i] += t;
              score[ROOM + i] += t * eps[i] - f[m];
            }
        }
        if (estimators & (REPARAM | ANALYTIC_KL)) likelihood_gradient(z, gradient);
        if (estimators & REPARAM)
          for (int i = 0; i < ROOM; i++) {
            v8 t = gradient[i] - z[i];
            total[i] += t;
            total[ROOM + i] += t * eps[i];
          }
        if (estimators & ANALYTIC_KL)
          for (int i = 0; i < ROOM; i++) {
            likelihood[i] += gradient[i];
            likelihood[ROOM + i] += gradient[i] * eps[i];
          }
      }
      for (int d = 0; d < D; d++)
        for (int m = 0; m < WIDTH; m++) {
          int i = d * WIDTH + m, e = 0;
          if (estimators & SCORE) {
            put(&c.each[e], d, vector + m, score[i] * (share / scale[d]));
            put(&c.each[e++], D + d, vector + m, score[ROOM + i] * share);
          }
          if (estimators & REPARAM) {
            put(&c.each[e], d, vector + m, total[i] * share);
            put(&c.each[e++], D + d, vector + m, total[ROOM + i] * (share * scale[d]) + 1.0);
          }
          if (estimators & ANALYTIC_KL) {
            put(&c.each[e], d, vector + m, likelihood[i] * share - mean[d]);
            put(
                &c.each[e], D + d, vector + m,
                likelihood[ROOM + i] * (share * scale[d]) - (scale[d] * scale[d] - 1));
          }
        }
    }
    comparison_add(&c);
  }
  return comparison_end(&c, start);
}

// MARK: Adam, ten draws a step: rows in the lanes

enum { DRAWS = 10, ROW_VECTORS = PADDED_ROWS / 8 };

/// ∇ log p(y | z) at ten draws, z and gradient `[D × 10]`; `residual` is room.
static void __attribute__((noinline)) step_gradient(const double *z, double *gradient, v8 *residual) {
  for (int n = 0; n < PADDED_ROWS; n += 16) {
    v8 a[DRAWS][2];
    for (int s = 0; s < DRAWS; s++) a[s][0] = a[s][1] = all8(0);
    for (int d = 0; d < COLUMNS; d++) {
      v8 x0 = *(const v8 *)(by_column[d] + n), x1 = *(const v8 *)(by_column[d] + n + 8);
#pragma GCC unroll 10
      for (int s = 0; s < DRAWS; s++) {
        v8 zs = all8(z[d * DRAWS + s]);
        a[s][0] += zs * x0;
        a[s][1] += zs * x1;
      }
    }
    for (int s = 0; s < DRAWS; s++)
      for (int m = 0; m < 2; m++)
        residual[s * ROW_VECTORS + n / 8 + m] = *(const v8 *)(target + n + 8 * m) - sigmoid8(a[s][m]);
  }
  for (int d = 0; d < PADDED_COLUMNS; d += 2) {
    v8 a[DRAWS][2];
    for (int s = 0; s < DRAWS; s++) a[s][0] = a[s][1] = all8(0);
    for (int n = 0; n < ROW_VECTORS; n++) {
      v8 x0 = *(const v8 *)(by_column[d] + 8 * n), x1 = *(const v8 *)(by_column[d + 1] + 8 * n);
#pragma GCC unroll 10
      for (int s = 0; s < DRAWS; s++) {
        v8 r = residual[s * ROW_VECTORS + n];
        a[s][0] += r * x0;
        a[s][1] += r * x1;
      }
    }
    for (int s = 0; s < DRAWS; s++) {
      gradient[d * DRAWS + s] = sum8(a[s][0]);
      gradient[(d + 1) * DRAWS + s] = sum8(a[s][1]);
    }
  }
}

/// The ELBO by 24000 draws.
static double elbo(const double *parameters) {
  enum { D = COLUMNS, BATCHES = 1000 };
  normals rng = normals_named("xoshiro256x8", 4242);
  static v8 eps[D * WIDTH + 2], z[D * WIDTH];
  double total = 0, entropy = 0;
  for (int d = 0; d < D; d++) entropy += parameters[D + d];
  for (int b = 0; b < BATCHES; b++) {
    v8 f[WIDTH];
    rng.fill(rng.state, (double *)eps, 8 * D * WIDTH);
    for (int i = 0; i < D * WIDTH; i++)
      z[i] = parameters[i / WIDTH] + exp(parameters[D + i / WIDTH]) * eps[i];
    log_likelihood(z, f);
    for (int m = 0; m < WIDTH; m++) {
      v8 squares = all8(0);
      for (int i = m; i < D * WIDTH; i += WIDTH) squares += z[i] * z[i] - eps[i] * eps[i];
      total += sum8(f[m] + entropy - 0.5 * squares);
    }
  }
  return total / (8.0 * WIDTH * BATCHES);
}

/// Adam with the reparameterization estimator, from mean 0 and log_scale 0; returns seconds, and the ELBO at the end.
static double adam_run(normals rng, double rate, long steps, double *final_elbo) {
  enum { D = COLUMNS };
  double p[2 * D] = {0}, m[2 * D] = {0}, v[2 * D] = {0}, g[2 * D], power1 = 1, power2 = 1;
  static double eps[D * DRAWS + 16], z[D * DRAWS], gradient[PADDED_COLUMNS * DRAWS];
  v8 *residual = zeroed(sizeof(v8) * DRAWS * ROW_VECTORS);
  double start = seconds();
  for (long t = 1; t <= steps; t++) {
    double scale[D];
    rng.fill(rng.state, eps, D * DRAWS);
    for (int d = 0; d < D; d++) {
      scale[d] = exp(p[D + d]);
      for (int s = 0; s < DRAWS; s++) z[d * DRAWS + s] = p[d] + scale[d] * eps[d * DRAWS + s];
    }
    step_gradient(z, gradient, residual);
    for (int d = 0; d < D; d++) {
      double first = 0, second = 0;
      for (int s = 0; s < DRAWS; s++) {
        double q = gradient[d * DRAWS + s] - z[d * DRAWS + s];
        first += q;
        second += q * eps[d * DRAWS + s];
      }
      g[d] = first / DRAWS;
      g[D + d] = second / DRAWS * scale[d] + 1;
    }
    power1 *= 0.9;
    power2 *= 0.999;
    for (int i = 0; i < 2 * D; i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      p[i] += rate * (m[i] / (1 - power1)) / (sqrt(v[i] / (1 - power2)) + 1e-8);
    }
  }
  double spent = seconds() - start;
  *final_elbo = elbo(p);
  return spent;
}
