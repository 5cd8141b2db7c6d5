#include "kernels.h"
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_sf_log.h>
#include <gsl/gsl_sf_psi.h>

// GSL's error handler would end the process: what it would refuse is answered here.
static int is_shape(double x) { return x > 1e-100 && x < 1e100; }

double wb_log_gamma(double x) { return is_shape(x) ? gsl_sf_lngamma(x) : NAN; }
double wb_digamma(double x) { return is_shape(x) ? gsl_sf_psi(x) : NAN; }
double wb_trigamma(double x) { return is_shape(x) ? gsl_sf_psi_1(x) : NAN; }
double wb_tetragamma(double x) { return is_shape(x) ? gsl_sf_psi_n(2, x) : NAN; }

// The power series is of positive terms, and of use below the mean; the continued fraction above. Where they meet
// neither derivative cancels: for small shapes log x changes sign before the fraction is any good.
static int is_below(double a, double x) { return x <= (a > 1 ? a + 0.5 : 1.5); }

// S = sum x^n / ((a + 1) ... (a + n)): P(a, x) = x^a e^-x S / Gamma(a + 1). slope = dS/da, or null.
static double lower_series(double a, double x, double *slope) {
  double term = 1, harmonic = 0, sum = 1, change = 0;
  for (int n = 1; n < 10000000; n++) {
    double next = a + n;
    term *= x / next;
    harmonic += 1 / next;
    sum += term;
    change += term * harmonic;
    if (term * (1 + harmonic) <= 1e-17 * sum && next > x) break;
  }
  if (slope) *slope = -change;
  return sum;
}

// Gamma(a, x) = x^a e^-x h, by Lentz's method. slope = dh/da, or null.
static double upper_fraction(double a, double x, double *slope) {
  double b = x + 1 - a, c = INFINITY, d = 1 / b, h = d;
  double dc = 0, dd = d * d, logarithmic = d;
  for (int i = 1; i < 10000000; i++) {
    double an = -i * (i - a);
    b += 2;
    double old_c = c, old_d = d;
    d = 1 / (an * d + b);
    dd = -d * d * (i * old_d + an * dd - 1);
    c = b + an / old_c;
    dc = -1 + (i - an * dc / old_c) / old_c;
    double factor = c * d, change = dc / c + dd / d;
    h *= factor;
    logarithmic += change;
    if (fabs(factor - 1) <= 1e-16 && fabs(change) <= 1e-16 * fabs(logarithmic)) break;
  }
  if (slope) *slope = h * logarithmic;
  return h;
}

double wb_gamma_slope(double a, double digamma, double x) {
  if (!is_shape(a) || !(x > 0) || !(x < 1e300)) return NAN;
  double slope, value, logarithm = wb_log(x);
  if (is_below(a, x)) {
    value = lower_series(a, x, &slope);
    return -(x / a) * ((logarithm - digamma - 1 / a) * value + slope);
  }
  value = upper_fraction(a, x, &slope);
  return x * ((logarithm - digamma) * value + slope);
}

// log(x^a e^-x / Gamma(a + 1))
static double log_prefactor(double a, double x, double logarithm, double log_gamma_next) {
  double distance = (x - a) / a;
  if (a < 10 || distance < -0.9) return a * logarithm - x - log_gamma_next;
  return a * gsl_sf_log_1plusx_mx(distance) - 0.5 * (WB_LOG_2PI + wb_log(a)) - wb_log(gsl_sf_gammastar(a));
}

// The logarithm of P, or of Q where `upper`; density = x p(x).
static double log_tail(double a, double x, double logarithm, double log_gamma_next, int upper, double *density) {
  double prefactor = log_prefactor(a, x, logarithm, log_gamma_next);
  *density = a * wb_exp(prefactor);
  int below = is_below(a, x);
  double log_part = below ? prefactor + wb_log(lower_series(a, x, NULL))
                          : prefactor + wb_log(a * upper_fraction(a, x, NULL));
  return below == !upper ? log_part : wb_log(1 - wb_exp(log_part));
}

double wb_gamma_p(double a, double x) {
  if (!is_shape(a) || !(x >= 0)) return NAN;
  if (x == 0) return 0;
  double density;
  return wb_exp(log_tail(a, x, wb_log(x), wb_log_gamma(a + 1), 0, &density));
}

// With t = log x both log P and log Q are concave: Newton's method converges from everywhere.
static double quantile(double a, double log_gamma_next, double u) {
  double t = (wb_log(u) + log_gamma_next) / a;  // P < x^a / Gamma(a + 1)
  if (t < -700) return wb_exp(t);
  if (a > 0.5) {
    double z = u;
    wb_normal_quantiles(&z, 1);
    double root = 1 - 1 / (9 * a) + z / (3 * sqrt(a));
    if (root > 0.1) t = wb_log(a) + 3 * wb_log(root);  // Wilson and Hilferty
  }
  int upper = u > 0.5;
  double wanted = wb_log(upper ? 1 - u : u);
  for (int i = 0; i < 200; i++) {
    double x = wb_exp(t), density;
    double tail = log_tail(a, x, t, log_gamma_next, upper, &density);
    double slope = (upper ? -density : density) / wb_exp(tail);
    double step = (wanted - tail) / slope;
    if (!(step < 2)) step = 2;
    if (step < -2) step = -2;
    t += step;
    if (fabs(step) <= 1e-9) break;  // what is left is of the order of its square
  }
  return wb_exp(t);
}

void wb_gamma_quantiles(double shape, double *values, size_t n) {
  double log_gamma_next = wb_log_gamma(shape + 1);
  for (size_t i = 0; i < n; i++) values[i] = is_shape(shape) ? quantile(shape, log_gamma_next, values[i]) : NAN;
}

// In (0, 1).
static double open_uniform(const gsl_rng *rng) {
  double u;
  do u = gsl_rng_uniform(rng);
  while (!(u > 0 && u < 1));
  return u;
}

void wb_fill_gamma(const gsl_rng *rng, int polar, double shape, double *out, size_t n) {
  double a = shape < 1 ? shape + 1 : shape, d = a - 1.0 / 3, c = 1 / (3 * sqrt(d));
  if (!is_shape(shape)) {
    for (size_t i = 0; i < n; i++) out[i] = NAN;
    return;
  }
  for (size_t i = 0; i < n; i++) {
    double e, v, u;
    do {
      do {
        e = polar ? gsl_ran_gaussian(rng, 1) : gsl_ran_gaussian_ziggurat(rng, 1);
        v = 1 + c * e;
      } while (v <= 0);
      v = v * v * v;
      u = open_uniform(rng);
    } while (!(u < 1 - 0.0331 * e * e * e * e) && !(wb_log(u) < 0.5 * e * e + d * (1 - v + wb_log(v))));
    out[i] = d * v;
    if (shape < 1) out[i] *= wb_exp(wb_log(open_uniform(rng)) / shape);
  }
}
