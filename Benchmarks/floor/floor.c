// The workbench's work written by hand in C for AVX-512: what the processor and the generator allow.
//
//     floor gaussian GENERATOR ESTIMATOR REPLICATES K D
//     floor logistic GENERATOR ESTIMATOR REPLICATES K DATA.csv
//     floor adam     GENERATOR STEPS RATE DATA.csv
//
// GENERATOR is mt19937 or xoshiro256x8; ESTIMATOR is score, reparam, analytic-kl or all. Prints `name value` lines.
#include "gaussian.h"
#include "logistic.h"

static int usage(void) {
  fprintf(
      stderr,
      "usage: floor gaussian|logistic mt19937|xoshiro256x8 score|reparam|analytic-kl|all REPLICATES K D|DATA.csv\n"
      "       floor adam mt19937|xoshiro256x8 STEPS RATE DATA.csv\n");
  return 64;
}

static int estimators_named(const char *name) {
  static const char *names[] = {"score", "reparam", "analytic-kl"};
  for (int e = 0; e < 3; e++)
    if (!strcmp(name, names[e])) return 1 << e;
  return strcmp(name, "all") ? 0 : ALL_THREE;
}

int main(int count, char **argument) {
  if (count < 6) return usage();
  normals rng = normals_named(argument[2], 12345);
  if (!rng.fill) return usage();
  if (!strcmp(argument[1], "adam")) {
    double steps = atof(argument[3]), final;
    if (!(steps >= 1)) return usage();
    load(argument[5]);
    double spent = adam_run(rng, atof(argument[4]), (long)steps, &final);
    printf("seconds %.9g\nmicroseconds_per_step %.9g\nelbo %.9g\n", spent, spent / steps * 1e6, final);
    return 0;
  }
  int estimators = estimators_named(argument[3]), K = atoi(argument[5]);
  double replicates = atof(argument[4]);
  if (count != 7 || !estimators || K < 1 || !(replicates >= 1)) return usage();
  timing t;
  if (!strcmp(argument[1], "gaussian")) {
    int D = atoi(argument[6]);
    if (D < 1 || D > MOST_DIMENSIONS) return usage();
    t = gaussian_run(rng, estimators, D, K, (long)replicates);
  } else if (!strcmp(argument[1], "logistic")) {
    load(argument[6]);
    t = logistic_run(rng, estimators, K, (long)replicates);
  } else {
    return usage();
  }
  printf("seconds %.9g\nrate %.9g\n", t.seconds, t.replicates * K / t.seconds);
  for (int e = 0, seen = 0; e < 3; e++)
    if (estimators >> e & 1)
      printf("variance:%s %.9g\n", (const char *[]){"score", "reparam", "analytic-kl"}[e], t.variance[seen++]);
  return 0;
}
