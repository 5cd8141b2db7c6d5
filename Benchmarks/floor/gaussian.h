// z ~ N(0, I), x | z ~ N(z, noise² I); q = N(mean, exp(2 log_scale)). Eight replicates at a time.
#pragma once
#include "estimators.h"

enum { GAUSSIAN_VECTORS = 16, MOST_DIMENSIONS = 10000 };
typedef struct {
  int D, K;
  double x[MOST_DIMENSIONS], mean[MOST_DIMENSIONS], log_scale[MOST_DIMENSIONS], scale[MOST_DIMENSIONS];
  double precision, constant;
} gaussian;

static gaussian gaussian_at(int D, int K) {
  gaussian g = {.D = D, .K = K, .precision = 4};
  for (int d = 0; d < D; d++) {
    g.x[d] = 1.5;
    g.mean[d] = 0.3;
    g.log_scale[d] = -0.5;
    g.scale[d] = exp(g.log_scale[d]);
    g.constant += g.log_scale[d] - 0.5 * (1.8378770664093453 - log(g.precision));
  }
  return g;
}

/// The gradients of eight replicates, by noise `[K × D]`.
static inline __attribute__((always_inline)) void gaussian_gradients(
    const gaussian *g, int estimators, const v8 *noise, v8 *room, comparison *c, int vector) {
  int D = g->D, e = 0;
  double share = 1.0 / g->K, precision = g->precision;
  v8 *score = room, *score_scale = room + D, *total = room + 2 * D, *total_scale = room + 3 * D;
  v8 *likelihood = room + 4 * D, *likelihood_scale = room + 5 * D;
  memset(room, 0, sizeof(v8) * 6 * D);
  for (int k = 0; k < g->K; k++) {
    const v8 *eps = noise + (size_t)k * D;
    if (estimators & SCORE) {
      v8 prior = all8(0), data = prior, entropy = prior;
      for (int d = 0; d < D; d++) {
        v8 z = g->mean[d] + g->scale[d] * eps[d], r = g->x[d] - z;
        prior += z * z;
        data += r * r;
        entropy += eps[d] * eps[d];
      }
      v8 f = g->constant - 0.5 * (prior + precision * data - entropy);
      for (int d = 0; d < D; d++) {
        v8 t = f * eps[d];
        score[d] += t;
        score_scale[d] += t * eps[d] - f;
      }
    }
    if (estimators & (REPARAM | ANALYTIC_KL))
      for (int d = 0; d < D; d++) {
        v8 z = g->mean[d] + g->scale[d] * eps[d], t = (g->x[d] - z) * precision;
        if (estimators & ANALYTIC_KL) {
          likelihood[d] += t;
          likelihood_scale[d] += t * eps[d];
        }
        if (estimators & REPARAM) {
          t -= z;
          total[d] += t;
          total_scale[d] += t * eps[d];
        }
      }
  }
  if (estimators & SCORE) {
    for (int d = 0; d < D; d++) {
      put(&c->each[e], d, vector, score[d] * (share / g->scale[d]));
      put(&c->each[e], D + d, vector, score_scale[d] * share);
    }
    e++;
  }
  if (estimators & REPARAM) {
    for (int d = 0; d < D; d++) {
      put(&c->each[e], d, vector, total[d] * share);
      put(&c->each[e], D + d, vector, total_scale[d] * (g->scale[d] * share) + 1.0);
    }
    e++;
  }
  if (estimators & ANALYTIC_KL)
    for (int d = 0; d < D; d++) {
      double scale = g->scale[d];
      put(&c->each[e], d, vector, likelihood[d] * share - g->mean[d]);
      put(&c->each[e], D + d, vector, likelihood_scale[d] * (scale * share) - (scale * scale - 1));
    }
}

static timing gaussian_run(normals rng, int estimators, int D, int K, long replicates) {
  gaussian g = gaussian_at(D, K);
  size_t count = (size_t)8 * D * K;
  v8 *noise = zeroed(sizeof(double) * (count + 16)), *room = zeroed(sizeof(v8) * 6 * D);
  comparison c;
  comparison_init(&c, estimators, 2 * D, GAUSSIAN_VECTORS);
  double start = seconds();
  for (long done = 0; done < replicates; done += 8 * GAUSSIAN_VECTORS) {
    for (int vector = 0; vector < GAUSSIAN_VECTORS; vector++) {
      rng.fill(rng.state, (double *)noise, count);
      switch (estimators) {
        case SCORE: gaussian_gradients(&g, SCORE, noise, room, &c, vector); break;
        case REPARAM: gaussian_gradients(&g, REPARAM, noise, room, &c, vector); break;
        case ANALYTIC_KL: gaussian_gradients(&g, ANALYTIC_KL, noise, room, &c, vector); break;
        default: gaussian_gradients(&g, ALL_THREE, noise, room, &c, vector);
      }
    }
    comparison_add(&c);
  }
  return comparison_end(&c, start);
}
