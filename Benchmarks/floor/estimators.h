// What is measured, and the point that it is measured at.
#pragma once
#include "statistics.h"
#include <time.h>

enum { SCORE = 1, REPARAM = 2, ANALYTIC_KL = 4, ALL_THREE = 7 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
  double seconds, replicates, variance[MOST_ESTIMATORS];
} timing;

/// The estimators' moments in the order score, reparam, analytic-kl, those left out left out.
typedef struct {
  int count;
  moments each[MOST_ESTIMATORS];
  cross_moments cross;
} comparison;

static void comparison_init(comparison *c, int estimators, int parameters, int vectors) {
  memset(c, 0, sizeof *c);
  for (int e = 1; e <= ANALYTIC_KL; e *= 2)
    if (estimators & e) moments_init(&c->each[c->count++], parameters, vectors);
}

static void comparison_add(comparison *c) {
  int finite[MOST_ESTIMATORS];
  for (int e = 0; e < c->count; e++) finite[e] = moments_add(&c->each[e]);
  cross_add(&c->cross, c->each, finite, c->count);
}

static timing comparison_end(const comparison *c, double start) {
  timing t = {.seconds = seconds() - start, .replicates = c->each[0].count};
  static volatile double sink;
  for (int e = 0; e < c->count; e++) t.variance[e] = moments_variance(&c->each[e], &sink);
  for (int i = 0; i < 3 * BLOCKS * 14; i++) sink += (&c->cross.sums[0][0][0])[i];
  return t;
}

/// Writes coordinate p of the eight replicates of `vector`.
static inline void put(moments *m, int p, int vector, v8 gradient) {
  m->gradients[p * m->vectors + vector] = gradient;
  m->total[p] += gradient;
}
