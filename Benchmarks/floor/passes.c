// Where the workbench's time goes when three estimators share draws: its own kernels, one pass over a block after another,
// on one block that stays in the cache. Beside each pass, what its loads and stores alone cost there, with no arithmetic.
// Nanoseconds a draw and coordinate, the least of many. Prints "pass,elements,nanoseconds,traffic".
#include <CKernels.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef double v8 __attribute__((vector_size(64)));
enum { REPEATS = 400 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static size_t K, D, B, N;
static double *noise, *z, *joint, *likelihood, *values[3], *signal, *gradients[3], *parameters, *centers, *ones;
static gsl_rng *generator;

static double *room(size_t n) {
  double *p = aligned_alloc(64, (n * sizeof(double) + 63) / 64 * 64);
  if (!p) abort();
  return memset(p, 0, n * sizeof(double));
}

// Loads and stores of so many arrays, 32 doubles at a time, and a sum that keeps them.
static inline __attribute__((always_inline)) void touch(int reads, int writes) {
  const double *from[3] = {noise, z, joint};
  double *to = likelihood;
  v8 sum[4] = {{0}, {0}, {0}, {0}};
  for (size_t i = 0; i < N; i += 32) {
    for (int j = 0; j < 4; j++) {
      v8 x = sum[j];
      for (int r = 0; r < reads; r++) {
        v8 y;
        memcpy(&y, from[r] + i + 8 * j, sizeof y);
        x = r ? x + y : y;
      }
      if (writes) memcpy(to + i + 8 * j, &x, sizeof x);
      else sum[j] += x;
    }
  }
  v8 all = sum[0] + sum[1] + sum[2] + sum[3];
  memcpy(signal, &all, sizeof all);
}

static void traffic(int reads, int writes) {
  __asm__ volatile("" ::: "memory");  // no call is like the one before
  if (reads == 0) touch(0, 1);
  else if (reads == 1 && writes) touch(1, 1);
  else if (reads == 1) touch(1, 0);
  else touch(2, 0);
}

static void fill(void) { wb_fill_normal_xoshiro256x8(generator, noise, N); }
static void transform(void) { wb_normal_transform(parameters, parameters + D, 0, noise, z, K, D, B); }
static void prior_values(void) { wb_normal_density_values(z, centers, ones, centers, values[0], K, D, B); }
static void likelihood_values(void) { wb_normal_density_values(z, ones, ones, centers, values[1], K, D, B); }
static void entropy_values(void) { wb_normal_entropy_values(parameters + D, 0, noise, values[2], K, D, B); }
static void joint_gradient(void) { wb_normal_density_gradient(z, ones, ones, joint, K, D, B); }
static void likelihood_gradient(void) { wb_normal_density_gradient(z, centers, ones, likelihood, K, D, B); }
static void score(void) {
  wb_normal_add_score(parameters + D, 0, noise, values[0], 0, centers, gradients[0], K, D, B);
}
static void pullback(void) {
  wb_normal_add_pullback(parameters + D, 0, noise, joint, 1.0 / K, gradients[1], K, D, B);
}
static void second_pullback(void) {
  wb_normal_add_pullback(parameters + D, 0, noise, likelihood, 1.0 / K, gradients[2], K, D, B);
}

static const struct {
  const char *name;
  void (*run)(void);
  int reads, writes;
} passes[] = {
    {"normals", fill, 0, 1},
    {"z = mean + scale noise", transform, 1, 1},
    {"log prior", prior_values, 1, 0},
    {"log likelihood", likelihood_values, 1, 0},
    {"-log q", entropy_values, 1, 0},
    {"gradient of the joint", joint_gradient, 1, 1},
    {"gradient of the likelihood", likelihood_gradient, 1, 1},
    {"score", score, 1, 0},
    {"pullback of reparam", pullback, 2, 0},
    {"pullback of analytic-kl", second_pullback, 2, 0},
};

int main(void) {
  K = 10, D = 100, B = 32, N = K * D * B;  // what the workbench takes at K = 10, D = 100
  generator = gsl_rng_alloc(wb_xoshiro256x8());
  if (!generator) return 70;
  gsl_rng_set(generator, 1);
  noise = room(N), z = room(N), joint = room(N), likelihood = room(N), signal = room(K * B);
  for (int i = 0; i < 3; i++) values[i] = room(K * B), gradients[i] = room(2 * D * B);
  parameters = room(2 * D), centers = room(2 * D), ones = room(2 * D);
  for (size_t d = 0; d < 2 * D; d++) ones[d] = 1;
  double total = 0, moved = 0, block = (double)N;
  puts("pass,elements,nanoseconds,traffic");
  for (size_t p = 0; p < sizeof passes / sizeof *passes; p++) {
    double least[2] = {1, 1};
    // The whole block's passes in turn, so that each finds the cache as the one before leaves it.
    for (int r = 0; r < REPEATS; r++) {
      for (size_t q = 0; q < sizeof passes / sizeof *passes; q++) {
        double start = seconds();
        passes[q].run();
        double spent = seconds() - start;
        if (q == p && spent < least[0]) least[0] = spent;
      }
      double start = seconds();
      for (int i = 0; i < 8; i++) traffic(passes[p].reads, passes[p].writes);
      double spent = (seconds() - start) / 8;
      if (spent < least[1]) least[1] = spent;
    }
    printf("%s,%zu,%.4f,%.4f\n", passes[p].name, N, 1e9 * least[0] / block, 1e9 * least[1] / block);
    total += least[0], moved += least[1];
  }
  printf("all,%zu,%.4f,%.4f\n", N, 1e9 * total / block, 1e9 * moved / block);
  return 0;
}
