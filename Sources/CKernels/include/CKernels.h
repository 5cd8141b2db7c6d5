// Kernels over blocks of replicates.
//
// Layout: replicate fastest. An array "[K x D x B]" holds element (k, d, lane) at (k*D + d)*B + lane. Lanes never
// mix, except in the sums of moments.c, which are taken in a fixed order of eight partial sums. Floating-point
// contraction is off: every processor gives the same bits.
//
// Nothing here allocates, fails or keeps state, except that the random fills advance their generator, and that
// xoshiro.c computes its table of jumps once.
#pragma once
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_qrng.h>
#include <gsl/gsl_rng.h>
#include <stddef.h>
#include <stdint.h>

// gsl.c --------------------------------------------------------------------------------------------------------

/// The null-terminated list of GSL's generators.
const gsl_rng_type **wb_generator_types(void);
/// Turns off GSL's error handler, which would end the process.
void wb_silence_gsl(void);
/// Version of the GSL that is linked.
const char *wb_gsl_version(void);
/// Version of the C library, whose mathematical functions choose their code by processor.
const char *wb_libm_version(void);
/// GSL's quasi-random sequences, globals that Swift cannot reach.
enum wb_sequence { WB_SOBOL, WB_NIEDERREITER, WB_HALTON };
const gsl_qrng_type *wb_sequence_type(enum wb_sequence sequence);
/// GSL's BFGS minimiser, a global that Swift cannot reach.
const gsl_multimin_fdfminimizer_type *wb_bfgs(void);

/// n standard normals by the ziggurat method; the generator needs 24 bits or more.
void wb_fill_normal_ziggurat(const gsl_rng *rng, double *out, size_t n);
/// n standard normals by the polar method; any generator.
void wb_fill_normal_polar(const gsl_rng *rng, double *out, size_t n);
/// n uniforms on [0, 1).
void wb_fill_uniform(const gsl_rng *rng, double *out, size_t n);
/// For each lane, `chosen` distinct indices out of 0..<count, [chosen x lanes]. `order` holds a permutation of
/// 0..<count and is shuffled further.
void wb_choose(const gsl_rng *rng, int32_t *order, size_t count, size_t chosen, size_t lanes, int32_t *out);

// xoshiro.c ----------------------------------------------------------------------------------------------------
// A generator of GSL's kind that is made of eight xoshiro256++ (Blackman and Vigna 2021), the lanes. Outputs 8 i to
// 8 i + 7 are the i-th of lanes 0 to 7. Seed s stands for the stream whose lane l begins s 2^192 + l 2^189 steps along the
// one cycle, of 2^256 - 1 states, from a fixed state. So no two lanes of any of the 2^64 streams meet within 2^189 - 1
// outputs.
//
// 16 normals are the function wb_box_muller of the next 16 outputs. A fill makes whole groups of 16, and keeps what it
// does not use for the next fill: like outputs and uniforms, normals do not depend on how a request is divided.

/// The generator, of 64 bits. gsl_rng_uniform is the upper 53 bits of an output times 2^-53.
const gsl_rng_type *wb_xoshiro256x8(void);
/// n uniforms on [0, 1), those of gsl_rng_uniform. `rng` must be of the type above, here and below.
void wb_fill_uniform_xoshiro256x8(const gsl_rng *rng, double *out, size_t n);
/// n standard normals.
void wb_fill_normal_xoshiro256x8(const gsl_rng *rng, double *out, size_t n);
/// For l < 8, normals[l] = r cos a and normals[8 + l] = r sin a, with r = sqrt(-2 log u), u = (words[l] | 1) / 2^64 in
/// (0, 1], and a = 2 pi (h - 1/8), h the middle of those fractions of the circle that begin with the 54 highest bits of
/// words[8 + l].
/// Within 4 ulp.
void wb_box_muller(const uint64_t *words, double *normals);

/// The product of polynomials over GF(2) modulo the characteristic polynomial of xoshiro256's step. They have four words;
/// coefficient k is bit k % 64 of word k / 64.
void wb_xoshiro256_multiply(const uint64_t *a, const uint64_t *b, uint64_t *product);
/// The polynomial, evaluated at the step, of eight states [4 x 8]: those of x^t go t steps on.
void wb_xoshiro256x8_apply(const uint64_t *polynomial, uint64_t *states);

// point_sets.c -------------------------------------------------------------------------------------------------
// Uniforms in (0, 1), [K x D x B]: lane by lane an independent randomisation of K points. Each is a middle of 2^-50 or
// finer, never 0 or 1.

/// n random words of 64 bits: an output of a generator that has as many, two of one that has 32, else the 16 highest bits
/// of four uniforms.
void wb_fill_words(const gsl_rng *rng, uint64_t *out, size_t n);
/// n independent uniforms, the middles of 2^52 intervals.
void wb_fill_open_uniform(const gsl_rng *rng, double *out, size_t n);
/// In each coordinate one point, uniform, in each of K equal intervals, in random order.
void wb_fill_latin_hypercube(const gsl_rng *rng, double *out, size_t K, size_t D, size_t B);
/// The first K < 2^32 points, in Gray-code order, of a digital sequence in base 2 with D direction numbers
/// directions[j * stride + d] for each bit j of K - 1; their highest bit is 1/2. With scramble, multiplied by a random lower
/// triangular matrix and shifted digit by digit; else shifted modulo 1.
void wb_fill_digital_net(const gsl_rng *rng, const uint64_t *directions, size_t stride, int scramble, double *out,
                         size_t K, size_t D, size_t B);
enum { WB_HALTON_PERMUTATION = 1 << 15 };
/// The first K points of the Halton sequence in D bases < 10000, with K * base < 2^46 and base times the digits of K - 1
/// in it at most WB_HALTON_PERMUTATION. With scramble, the digits of each place that tell the points apart go through a
/// random permutation, and what follows them is uniform for each point; else shifted modulo 1.
void wb_fill_halton(const gsl_rng *rng, const uint32_t *bases, int scramble, double *out, size_t K, size_t D,
                    size_t B);

// normal_quantile.c --------------------------------------------------------------------------------------------

/// n values u in (0, 1) become the u-quantiles of N(0, 1), within 1e-15 of their size. 1 - u gives the exact negative.
void wb_normal_quantiles(double *values, size_t n);

// gamma.c ------------------------------------------------------------------------------------------------------
// Shapes within (1e-100, 1e100); NaN for others.

/// log Gamma(x)
double wb_log_gamma(double x);
/// psi(x) = d log Gamma / dx, and its first and second derivatives.
double wb_digamma(double x);
double wb_trigamma(double x);
double wb_tetragamma(double x);
/// P(a, x), the distribution function of Gamma(a, 1), within 1e-12 of its size.
double wb_gamma_p(double a, double x);
/// dx/da at fixed P(a, x), which is -(dP/da) / p(x), within 1e-11 of its size for shapes of 1e-2 to 1e5. digamma is psi(a).
double wb_gamma_slope(double a, double digamma, double x);
/// n values u in (0, 1) become the u-quantiles of Gamma(shape, 1); below 1e-308 they become subnormal and then zero.
void wb_gamma_quantiles(double shape, double *values, size_t n);
/// n draws of Gamma(shape, 1) by Marsaglia and Tsang's method (2000); those of shape below 1 by one of shape + 1 and a uniform.
/// Normals by the ziggurat, or polar for generators of less than 24 bits.
void wb_fill_gamma(const gsl_rng *rng, int polar, double shape, double *out, size_t n);

// elementary.c -------------------------------------------------------------------------------------------------

/// e^x within 1 ulp, the same bits on every processor.
double wb_exp(double x);
/// Natural logarithm within 1 ulp, the same bits on every processor.
double wb_log(double x);
/// wb_exp of n values, in place.
void wb_exp_all(double *values, size_t n);
/// The hyperbolic tangent of n values, in place, within 2 ulp of 1, the same bits on every processor.
void wb_tanh_all(double *values, size_t n);
/// log(1 + x) within 4 ulp, by Kahan's correction of what 1 + x loses.
double wb_log_one_plus(double x);
/// 1 / (1 + e^-x) within 4 ulp.
double wb_sigmoid(double x);
/// log(1 + e^x) within 4 ulp.
double wb_softplus(double x);
/// The instruction set that the kernels run with here.
const char *wb_vector_width(void);
/// out += scale * in
void wb_add_scaled(double *out, const double *in, double scale, size_t n);
/// out[i] += value
void wb_add_constant(double *out, double value, size_t n);
/// first = beta1 first + (1 - beta1) g, second = beta2 second + (1 - beta2) g^2, and
/// parameters += rate (first / correction1) / (sqrt(second / correction2) + epsilon), n values each, none of them shared.
void wb_adam_update(double *parameters, const double *gradient, double *first, double *second, double rate,
                    double beta1, double beta2, double correction1, double correction2, double epsilon, size_t n);
/// Whether no value is infinite or NaN.
int wb_all_finite(const double *values, size_t n);

// mean_field_normal.c ------------------------------------------------------------------------------------------
// `mean` and `log_scale` hold D values that every lane shares (per_lane = 0), or [D x B] (per_lane = 1).

/// z = mean + e^log_scale * noise
void wb_normal_transform(const double *mean, const double *log_scale, int per_lane, const double *noise,
                         double *z, size_t K, size_t D, size_t B);
/// values[k] = -log q(z_k)  = sum_d (log(2 pi)/2 + log_scale_d + noise^2/2)
void wb_normal_entropy_values(const double *log_scale, int per_lane, const double *noise, double *values, size_t K,
                              size_t D, size_t B);
/// values[k, d] = -log q(z_kd)
void wb_normal_entropy_coordinates(const double *log_scale, int per_lane, const double *noise, double *values,
                                   size_t K, size_t D, size_t B);
/// gradient[k, d] = -d log q / d z = noise / scale
void wb_normal_entropy_gradient(const double *log_scale, int per_lane, const double *noise, double *gradient, size_t K,
                                size_t D, size_t B);
/// g_mean += sum_k (w_k - c_mean) noise / scale, g_log_scale += sum_k (w_k - c_log_scale) (noise^2 - 1).
/// weights are [K x B], or [K x D x B] where by_coordinate; centers are [2D], shared by the lanes.
void wb_normal_add_score(const double *log_scale, int per_lane, const double *noise, const double *weights,
                         int by_coordinate, const double *centers, double *gradients, size_t K, size_t D, size_t B);
/// g_mean += factor sum_k c, g_log_scale += factor sum_k c * scale * noise, for cotangents c of z, [K x D x B].
void wb_normal_add_pullback(const double *log_scale, int per_lane, const double *noise, const double *cotangents,
                            double factor, double *gradients, size_t K, size_t D, size_t B);
/// The gradient of E_q[log N(z; prior_mean, 1/prior_precision)]: g_mean += -(mean - prior_mean) precision,
/// g_log_scale += -scale^2 precision.
void wb_normal_add_analytic_prior(const double *mean, const double *log_scale, int per_lane,
                                  const double *prior_mean, const double *prior_precision, double *gradients,
                                  size_t D, size_t B);

// The density log N(z; center, 1/precision), D values each, shared by the lanes: a prior, a likelihood ----------

/// values[k] = log N(z_k; center, diag(1/precision)), with constant = log(precision/(2 pi))/2 of each coordinate.
void wb_normal_density_values(const double *z, const double *center, const double *precision, const double *constant,
                              double *values, size_t K, size_t D, size_t B);
/// values[k, d] = its d-th term
void wb_normal_density_coordinates(const double *z, const double *center, const double *precision,
                                   const double *constant, double *values, size_t K, size_t D, size_t B);
/// gradient[k, d] = -(z - center) precision
void wb_normal_density_gradient(const double *z, const double *center, const double *precision, double *gradient,
                                size_t K, size_t D, size_t B);

// autoregressive.c ---------------------------------------------------------------------------------------------
// The density of a first-order autoregression of r = z - center: the innovations r_1 and r_d - coefficient r_{d-1} are
// independent and normal, of precision first_precision and innovation_precision.

/// values[k] = its logarithm at z_k
void wb_autoregressive_density_values(const double *z, const double *center, double first_precision,
                                      double innovation_precision, double coefficient, double *values, size_t K,
                                      size_t D, size_t B);
/// gradient[k, d] = the derivative in z_d
void wb_autoregressive_density_gradient(const double *z, const double *center, double first_precision,
                                        double innovation_precision, double coefficient, double *gradient, size_t K,
                                        size_t D, size_t B);

// regression.c -------------------------------------------------------------------------------------------------

/// How a datum y follows from its predictor t = x . z.
enum wb_response {
  /// y t - log(1 + e^t), y of 0 or 1
  WB_LOGISTIC,
  /// offset - precision (y - t)^2 / 2
  WB_NORMAL,
  /// offset + y t - e^t, y a count
  WB_POISSON,
};

/// Log likelihood of a regression, the sum of the above over the rows of design [N x D], target [N] and offset [N]
/// (not read by WB_LOGISTIC), and its gradient in z. values [K x B] and gradient [K x D x B] are overwritten; either
/// may be null. indices [M x B] picks the rows of each lane, weighted by N / M; null: all rows. Draws of few lanes share
/// the vectors, and a draw's bits do not depend on its company. panels, of wb_regression_panels, or null: the same data
/// once more, for speed where draws are few; the bits are the same.
void wb_regression(enum wb_response response, double precision, const double *design, const double *target,
                   const double *offset, const double *panels, size_t N, const int32_t *indices, size_t M,
                   const double *z, double *values, double *gradient, size_t K, size_t D, size_t B);
/// design, target and offset (or null) with rows in the lanes of vectors: values of panels, and panels.
size_t wb_regression_panels_size(size_t N, size_t D);
void wb_regression_panels(const double *design, const double *target, const double *offset, size_t N, size_t D,
                          double *panels);

// softplus_moments.c -------------------------------------------------------------------------------------------

/// With t ~ N(mean, deviation^2) and g(t) = log(1 + e^t): out = the means of g and of its first, second and fourth
/// derivatives. The trapezoidal rule on +-9 deviations with a step that resolves g's poles at +-i pi; above a deviation of
/// 32, where that takes many points, closed forms and a Gauss rule.
void wb_softplus_moments(double mean, double deviation, double *out);

// moments.c ----------------------------------------------------------------------------------------------------

/// mean[p] = mean of row p; row p has `lanes` values.
void wb_row_means(const double *rows, double *mean, size_t row_count, size_t lanes);
/// For each row p of the block, with d = rows[p] - mean[p], y = d^2 * factor, e = y * inverse_scale[p] - 1:
/// sums[p, 0...4] += sum y, e, e^2, e^3, e^4; distance[lane] += y, times weights[p] where there are weights.
void wb_row_deviations(const double *rows, const double *mean, double factor, const double *inverse_scale,
                       const double *weights, double *sums, double *distance, size_t row_count, size_t lanes);
/// The number of values above `threshold`; *largest = the largest of all, -inf if there is none.
size_t wb_count_above(const double *values, double threshold, double *largest, size_t n);
/// Stores the values above `threshold` in order, at most `room` of them; returns their number.
size_t wb_collect_above(const double *values, double threshold, double *out, size_t room, size_t n);
/// The mean of log(1 - factor * x), where that is of positive normal numbers.
double wb_mean_log_complement(const double *x, double factor, size_t n);
/// With y = values * inverse_scale and e = y - 1: sums[0...3] += sum e, e^2, e^3, e^4; and for lanes of index g
/// modulo 16, groups[g] += their number, groups[16 + g] += sum y, groups[32 + g] += sum y^2.
void wb_power_sums(const double *values, double inverse_scale, double *sums, double *groups, size_t n);
/// With x, y = a, b times their inverse scales, D = x - y and S = (x + y)/2 - 1: sums of D, S, DD, DS, SS, DDD, DDS,
/// DSS, SSS, DDDD, DDDS, DDSS, DSSS, SSSS are added.
void wb_cross_sums(const double *a, double inverse_scale_a, const double *b, double inverse_scale_b, double *sums,
                   size_t n);
/// products, row by row of i <= j: sum over lanes of rows[i] * rows[j] is added.
void wb_row_products(const double *rows, double *products, size_t row_count, size_t lanes);
/// values = the eigenvalues of a symmetric matrix, [n x n], in no order; the matrix is overwritten. Not 0 if it fails.
int wb_symmetric_eigenvalues(double *matrix, double *values, size_t n);
/// wide[p, column + lane] = rows[p, lane]; a row of `wide` has `width` values.
void wb_place_columns(const double *rows, size_t row_count, size_t lanes, double *wide, size_t width, size_t column);

// Layers of a network: rows are units, lanes are data. -------------------------------------------------------------------

enum wb_activation { WB_TANH, WB_RELU, WB_SOFTPLUS };
/// Every row of `lanes` numbers becomes the row's value.
void wb_fill_rows(const double *values, double *rows, size_t row_count, size_t lanes);
/// sums[r] += factor * the sum of row r.
void wb_add_row_sums(const double *rows, double factor, double *sums, size_t row_count, size_t lanes);
/// out[r, i] = rows[r, i] factors[i]
void wb_scale_lanes(const double *rows, const double *factors, double *out, size_t row_count, size_t lanes);
/// out[r, i] += factors[i] rows[r, i]
void wb_add_lane_products(const double *factors, const double *rows, double *out, size_t row_count, size_t lanes);
/// The activation of n values, in place: tanh x, max(0, x) or log(1 + e^x).
void wb_activate(enum wb_activation activation, double *values, size_t n);
/// n cotangents of activations a = f(x) become those of x, times f'(x), which is a function of a.
void wb_activation_pullback(enum wb_activation activation, const double *activations, double *cotangents, size_t n);
/// With logits a and x in [0, 1]: values[i] = sum_j x_j a_ji - log(1 + e^{a_ji}), [B], and its slopes in a, x - 1/(1 + e^-a),
/// [d x B]. x is [d], or by lane [d x B]. Either result may be null.
void wb_bernoulli_logits(const double *logits, const double *x, int x_by_lane, double *values, double *slopes, size_t d,
                         size_t lanes);
