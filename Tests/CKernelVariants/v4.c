#if defined(__x86_64__)
// Headers of the system before the attribute.
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_rng.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#define WB_NAMED(name) name##_v4
#include "variant.h"
#pragma clang attribute pop
#endif
