#include "kernels.h"
#include <gsl/gsl_cdf.h>

// Nodes and weights of the Gauss-Legendre rule of 16 points on [-1, 1] (Abramowitz and Stegun 1964, table 25.4).
static const double GAUSS_NODES[16] = {
    -0.9894009349916499, -0.9445750230732326, -0.8656312023878318, -0.755404408355003,
    -0.6178762444026438, -0.45801677765722737, -0.2816035507792589, -0.09501250983763744,
    0.09501250983763744, 0.2816035507792589, 0.45801677765722737, 0.6178762444026438,
    0.755404408355003, 0.8656312023878318, 0.9445750230732326, 0.9894009349916499};
static const double GAUSS_WEIGHTS[16] = {
    0.027152459411754176, 0.062253523938647456, 0.0951585116824926, 0.12462897125553407,
    0.1495959888165767, 0.16915651939500265, 0.18260341504492364, 0.18945061045506864,
    0.18945061045506864, 0.18260341504492364, 0.16915651939500265, 0.1495959888165767,
    0.12462897125553407, 0.0951585116824926, 0.062253523938647456, 0.027152459411754176};

/// A wide normal sees softplus as max(t, 0) and what is left near zero, which is even in t:
/// log(1 + e^t) = max(t, 0) + r(|t|), r(t) = log(1 + e^-t), and so for its derivatives. The first part is in closed
/// form, the rest an integral over 0 < t < 40, where r's nearest poles are at +-i pi: panels of 2.5 and 16 points leave
/// less than 1e-20. The cost does not grow with the deviation.
WB_CLONES static void wide_softplus_moments(double mean, double deviation, double *out) {
  const double panel = 2.5;
  v8 sums[4];
  for (int i = 0; i < 4; i++) sums[i] = all8(0);
  double scale = 1.0 / deviation;
  for (int j = 0; j < 16; j++)
    for (int half = 0; half < 16; half += 8) {
      v8 t = (j + 0.5) * panel + 0.5 * panel * load8(GAUSS_NODES + half), w = 0.5 * panel * load8(GAUSS_WEIGHTS + half);
      v8 right = (t - mean) * scale, left = (-t - mean) * scale;
      v8 above = exp8(-0.5 * right * right), below = exp8(-0.5 * left * left);
      v8 u = exp8(-t), one_u = 1.0 + u, p = u / (one_u * one_u), both = above + below;
      v8 r = select8(u < 1e-9, u, log8(one_u));
      sums[0] += w * (r * both);
      sums[1] += w * ((u / one_u) * (below - above));
      sums[2] += w * (p * both);
      sums[3] += w * ((p * (1.0 - 6.0 * p)) * both);
    }
  double density = 0.39894228040143267794 * scale, standard = mean * scale;
  double mass = gsl_cdf_ugaussian_P(standard);
  out[0] = mean * mass + deviation * (0.39894228040143267794 * exp8(all8(-0.5 * standard * standard))[0]) +
           density * sum8(sums[0]);
  out[1] = mass + density * sum8(sums[1]);
  out[2] = density * sum8(sums[2]);
  out[3] = density * sum8(sums[3]);
}

WB_CLONES void wb_softplus_moments(double mean, double deviation, double *out) {
  // The error from g's poles at e = +-i pi/deviation, e^{-2 pi pi/(step deviation) + pi^2/(2 deviation^2)}, is below
  // e^-44; the poles of the fourth derivative raise it to 1e-14. The normal's, e^{-2 pi^2/step^2}, is below e^-123.
  if (mean != mean || deviation != deviation) {
    for (int i = 0; i < 4; i++) out[i] = mean + deviation;
    return;
  }
  if (deviation > 32) {
    wide_softplus_moments(mean, deviation, out);
    return;
  }
  double step = deviation > 1 ? 0.4 / deviation : 0.4;
  int64_t count = (int64_t)(9.0 / step) + 1;
  v8 sums[5];
  for (int i = 0; i < 5; i++) sums[i] = all8(0);
  for (int64_t j = -count; j <= count; j += 8) {
    double points[8], inside[8];
    for (int i = 0; i < 8; i++) {
      points[i] = (double)(j + i) * step;
      inside[i] = j + i <= count ? 1.0 : 0.0;
    }
    v8 e = load8(points), t = mean + deviation * e;
    v8 w = exp8(-0.5 * e * e) * load8(inside), u = exp8(-abs8(t)), one_u = 1.0 + u;
    v8 softplus = select8(t > 0, t, all8(0)) + log8(one_u);
    v8 sigmoid = select8(t >= 0, all8(1), u) / one_u, p = u / (one_u * one_u);
    // log(1 + u) loses u below 1 ulp of 1; where u is that small, it is u.
    softplus = select8(u < 1e-9, select8(t > 0, t, all8(0)) + u, softplus);
    sums[0] += w;
    sums[1] += w * softplus;
    sums[2] += w * sigmoid;
    sums[3] += w * p;
    sums[4] += w * (p * (1.0 - 6.0 * p));
  }
  double weight = sum8(sums[0]);
  for (int i = 0; i < 4; i++) out[i] = sum8(sums[i + 1]) / weight;
}
