// The statistics that the workbench keeps (Sources/EstimatorStatistics): of each coordinate the mean, the squared
// deviations and the power sums of its Y; of the blocks mean, log_scale and all the power sums and sixteen group sums
// of Y = |g − m|² n/(n − 1), m the mean of the batch; of each pair of estimators the cross sums of their Y. A batch that is
// not finite is counted and takes part in nothing (the workbench saves its finite replicates).
#pragma once
#include "normals.h"

enum { BLOCKS = 3, MOST_ESTIMATORS = 3, MOST_VECTORS = 16 };

typedef struct {
  int parameters, vectors;
  double count, nonfinite;
  v8 *gradients;  // [P × B], replicate fastest
  v8 *total;      // Σ over the vectors of the batch, [P]
  double *batch_mean, *mean, *squares, *powers, *inverse_scale;  // [P], powers [P × 4]
  v8 distance[BLOCKS][MOST_VECTORS];
  double block_powers[BLOCKS][4], groups[BLOCKS][48], inverse_block_scale[BLOCKS];
} moments;

/// For batches of 8 `vectors` replicates.
static void moments_init(moments *m, int parameters, int vectors) {
  memset(m, 0, sizeof *m);
  m->parameters = parameters;
  m->vectors = vectors;
  m->gradients = zeroed(sizeof(v8) * parameters * vectors);
  m->total = zeroed(sizeof(v8) * parameters);
  m->batch_mean = zeroed(sizeof(double) * parameters);
  m->mean = zeroed(sizeof(double) * parameters);
  m->squares = zeroed(sizeof(double) * parameters);
  m->powers = zeroed(sizeof(double) * parameters * 4);
  m->inverse_scale = zeroed(sizeof(double) * parameters);
}

/// The first batch gives the scale of each coordinate's Y.
static void moments_set_scales(moments *m) {
  int B = 8 * m->vectors, D = m->parameters / 2;
  double scale[BLOCKS] = {0};
  for (int p = 0; p < m->parameters; p++) {
    double mean = m->batch_mean[p];
    v8 square = all8(0);
    for (int v = 0; v < m->vectors; v++) {
      v8 d = m->gradients[p * m->vectors + v] - mean;
      square += d * d;
    }
    double variance = sum8(square) / (B - 1);
    m->inverse_scale[p] = variance > 0 ? 1 / variance : 1;
    scale[p / D] += variance;
    scale[2] += variance;
  }
  for (int b = 0; b < BLOCKS; b++) m->inverse_block_scale[b] = scale[b] > 0 ? 1 / scale[b] : 1;
}

/// Not isfinite, which -ffast-math takes for granted.
static inline int is_finite(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (bits >> 52 & 0x7ff) != 0x7ff;
}

/// Adds the batch in `gradients`, whose sums are in `total`, and clears `total`; says whether it is finite.
static int moments_add(moments *m) {
  int finite = 1;
  for (int p = 0; p < m->parameters; p++) {
    m->batch_mean[p] = sum8(m->total[p]) / (8 * m->vectors);
    finite &= is_finite(m->batch_mean[p]);
    m->total[p] = all8(0);
  }
  if (!finite) {
    m->nonfinite += 8 * m->vectors;
    return 0;
  }
  if (m->count == 0) moments_set_scales(m);
  int V = m->vectors, D = m->parameters / 2;
  double B = 8 * V, factor = B / (B - 1), share = B / (m->count + B), weight = m->count * share;
  memset(m->distance, 0, sizeof m->distance);
  for (int p = 0; p < m->parameters; p++) {
    const v8 *row = m->gradients + p * V;
    v8 *distance = m->distance[p / D];
    double mean = m->batch_mean[p], inverse = m->inverse_scale[p] * factor;
    v8 squares = all8(0), s1 = squares, s2 = squares, s3 = squares, s4 = squares;
    for (int v = 0; v < V; v++) {
      v8 d = row[v] - mean, y = d * d, e = y * inverse - 1.0, ee = e * e;
      squares += y;
      s1 += e;
      s2 += ee;
      s3 += ee * e;
      s4 += ee * ee;
      distance[v] += y;
    }
    double delta = mean - m->mean[p];
    m->mean[p] += delta * share;
    m->squares[p] += sum8(squares) + delta * delta * weight;
    m->powers[4 * p] += sum8(s1);
    m->powers[4 * p + 1] += sum8(s2);
    m->powers[4 * p + 2] += sum8(s3);
    m->powers[4 * p + 3] += sum8(s4);
  }
  m->count += B;
  for (int v = 0; v < V; v++) m->distance[2][v] = m->distance[0][v] + m->distance[1][v];
  for (int b = 0; b < BLOCKS; b++) {
    v8 s1 = all8(0), s2 = s1, s3 = s1, s4 = s1, first[2] = {s1, s1}, second[2] = {s1, s1};
    for (int v = 0; v < V; v++) {
      v8 y = m->distance[b][v] * (m->inverse_block_scale[b] * factor), e = y - 1.0, ee = e * e;
      m->distance[b][v] = y;
      s1 += e;
      s2 += ee;
      s3 += ee * e;
      s4 += ee * ee;
      first[v % 2] += y;
      second[v % 2] += y * y;
    }
    m->block_powers[b][0] += sum8(s1);
    m->block_powers[b][1] += sum8(s2);
    m->block_powers[b][2] += sum8(s3);
    m->block_powers[b][3] += sum8(s4);
    for (int i = 0; i < 16; i++) {
      m->groups[b][i] += V / 2;
      m->groups[b][16 + i] += first[i / 8][i % 8];
      m->groups[b][32 + i] += second[i / 8][i % 8];
    }
  }
  return 1;
}

typedef struct {
  double sums[MOST_ESTIMATORS * (MOST_ESTIMATORS - 1) / 2][BLOCKS][14];
} cross_moments;

/// Adds the batch that `moments_add` has just seen: Y of each block is in `distance`, scaled.
static void cross_add(cross_moments *c, const moments *m, const int *finite, int estimators) {
  int pair = 0;
  for (int a = 0; a < estimators; a++)
    for (int b = a + 1; b < estimators; b++, pair++)
      for (int block = 0; block < BLOCKS && finite[a] && finite[b]; block++) {
        v8 t[14];
        for (int i = 0; i < 14; i++) t[i] = all8(0);
        for (int v = 0; v < m->vectors; v++) {
          v8 x = m[a].distance[block][v], y = m[b].distance[block][v];
          v8 d = x - y, s = 0.5 * (x + y) - 1.0, dd = d * d, ds = d * s, ss = s * s;
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
        for (int i = 0; i < 14; i++) c->sums[pair][block][i] += sum8(t[i]);
      }
}

/// The trace of the covariance over all coordinates, and something of every other sum so that none is optimised away.
static double moments_variance(const moments *m, volatile double *sink) {
  double trace = 0, rest = m->nonfinite;
  for (int p = 0; p < m->parameters; p++) {
    trace += m->squares[p] / (m->count - 1);
    rest += m->mean[p];
  }
  for (int i = 0; i < 4 * m->parameters; i++) rest += m->powers[i];
  for (int b = 0; b < BLOCKS; b++) {
    for (int i = 0; i < 4; i++) rest += m->block_powers[b][i];
    for (int i = 0; i < 48; i++) rest += m->groups[b][i];
  }
  *sink = rest;
  return trace;
}
