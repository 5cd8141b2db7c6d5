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
WB_INLINE int is_below(double a, double x) { return x <= (a > 1 ? a + 0.5 : 1.5); }

// S = sum x^n / ((a + 1) ... (a + n)): P(a, x) = x^a e^-x S / Gamma(a + 1).
WB_INLINE double lower_series(double a, double x) {
  double term = 1, sum = 1, next = a;
  do {
    next += 1;
    term *= x / next;
    sum += term;
  } while (term > 1e-17 * sum);
  return sum;
}

// The same, and slope = dS/da.
static double lower_series_slope(double a, double x, double *slope) {
  double term = 1, harmonic = 0, sum = 1, change = 0, next = a;
  do {
    next += 1;
    double inverse = 1 / next;
    term *= x * inverse;
    harmonic += inverse;
    sum += term;
    change += term * harmonic;
  } while (term * (1 + harmonic) > 1e-17 * sum);
  *slope = -change;
  return sum;
}

// Gamma(a, x) = x^a e^-x h, by Lentz's method.
WB_INLINE double upper_fraction(double a, double x) {
  double b = x + 1 - a, c = INFINITY, d = 1 / b, h = d, factor;
  int i = 0;
  do {
    i++;
    double an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    factor = c * d;
    h *= factor;
  } while (fabs(factor - 1) > 4e-16 && i < 10000000);
  return h;
}

// The same, and slope = dh/da.
static double upper_fraction_slope(double a, double x, double *slope) {
  double b = x + 1 - a, c = INFINITY, d = 1 / b, h = d, factor, change;
  double dc = 0, dd = d * d, logarithmic = d;
  int i = 0;
  do {
    i++;
    double an = -i * (i - a), old_c = c;
    b += 2;
    double next = 1 / (an * d + b);
    dd = -next * next * (i * d + an * dd - 1);
    d = next;
    c = b + an / old_c;
    dc = -1 + (i - an * dc / old_c) / old_c;
    factor = c * d;
    change = dc / c + dd / d;
    h *= factor;
    logarithmic += change;
  } while ((fabs(factor - 1) > 4e-16 || fabs(change) > 4e-16 * fabs(logarithmic)) && i < 10000000);
  *slope = h * logarithmic;
  return h;
}

double wb_gamma_slope(double a, double digamma, double x) {
  if (!is_shape(a) || !(x > 0) || !(x < 1e300)) return NAN;
  double slope, value, logarithm = wb_log(x);
  if (is_below(a, x)) {
    value = lower_series_slope(a, x, &slope);
    return -(x / a) * ((logarithm - digamma - 1 / a) * value + slope);
  }
  value = upper_fraction_slope(a, x, &slope);
  return x * ((logarithm - digamma) * value + slope);
}

// What a shape's quantiles share.
struct shape {
  double a, log_gamma_next, log_a, log_peak;  // log_peak = log(a^a e^-a / Gamma(a + 1)), for large a
};

static struct shape describe(double a) {
  struct shape s = {a, wb_log_gamma(a + 1), wb_log(a), 0};
  if (a >= 10) s.log_peak = -0.5 * (WB_LOG_2PI + s.log_a) - wb_log(gsl_sf_gammastar(a));
  return s;
}

// wb_exp and wb_log of positive, normal numbers, within a clone.
WB_INLINE double exp1(double x) { return exp8(all8(x))[0]; }
WB_INLINE double log1(double x) { return log8(all8(x))[0]; }

// The logarithm of P at x = e^t, or of Q where `upper`; density = x p(x).
WB_INLINE double log_tail(const struct shape *s, double t, double x, int upper, double *density) {
  double a = s->a, distance = (x - a) / a, prefactor = a * t - x - s->log_gamma_next;
  if (a >= 10 && distance > -0.9) prefactor = a * gsl_sf_log_1plusx_mx(distance) + s->log_peak;
  double whole = exp1(prefactor);
  *density = a * whole;
  int below = is_below(a, x);
  double sum = below ? lower_series(a, x) : a * upper_fraction(a, x);
  return below == !upper ? prefactor + log1(sum) : log1(1 - whole * sum);
}

double wb_gamma_p(double a, double x) {
  if (!is_shape(a) || !(x >= 0)) return NAN;
  if (x == 0) return 0;
  double density;
  struct shape s = describe(a);
  return wb_exp(log_tail(&s, wb_log(x), x, 0, &density));
}

// With t = log x both log P and log Q are concave: Newton's method converges from everywhere, Halley's faster from near.
WB_INLINE double quantile(const struct shape *s, double u, double normal) {
  double a = s->a, t = (log1(u) + s->log_gamma_next) / a;  // P < x^a / Gamma(a + 1)
  if (t < -700) return exp1(t);
  if (a > 0.5) {
    double root = 1 - 1 / (9 * a) + normal / (3 * sqrt(a));
    if (root > 0.1) t = s->log_a + 3 * log1(root);  // Wilson and Hilferty
  }
  int upper = u > 0.5;
  double wanted = log1(upper ? 1 - u : u), x = exp1(t);
  for (int i = 0; i < 200; i++) {
    double density, tail = log_tail(s, t, x, upper, &density);
    double slope = (upper ? -density : density) / exp1(tail), step = (wanted - tail) / slope;
    // (log P)'' / (log P)' = a - x - (log P)'
    double halley = 1 + 0.5 * step * (a - x - slope);
    if (fabs(halley - 1) < 0.5) step /= halley;
    if (!(step < 2)) step = 2;
    if (step < -2) step = -2;
    t += step;
    x = exp1(t);
    if (fabs(step) <= 1e-6) break;  // what is left is of the order of its third power
  }
  return x;
}

WB_CLONES void wb_gamma_quantiles(double shape, double *values, size_t n) {
  struct shape s = describe(shape);
  for (size_t first = 0; first < n; first += 64) {
    double normals[64];
    size_t count = n - first < 64 ? n - first : 64;
    for (size_t i = 0; i < count; i++) normals[i] = values[first + i];
    wb_normal_quantiles(normals, count);
    for (size_t i = 0; i < count; i++)
      values[first + i] = is_shape(shape) ? quantile(&s, values[first + i], normals[i]) : NAN;
  }
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
