#include "regression_rows.h"

/// All columns that read the same rows, c = first, first + step ...; column c = k B + l starts at element k D B + l.
WB_INLINE void columns(const Rows *r, size_t R, size_t W, size_t P, const double *z, double *values, double *gradient,
                       size_t first, size_t step, size_t K, size_t B) {
  double point[TILE * 8 * WIDTH], slope[TILE * 8 * WIDTH];
  size_t count = (K * B - first + step - 1) / step, vectors = (count + 7) / 8, D = r->dimension;
  int few = r->panels && count <= FEW && D <= TILE && 4 * count <= 3 * 8 * vectors;
  for (size_t i = 0, size; i < count; i += size) {
    size_t width = vectors - i / 8 < W ? vectors - i / 8 : W;
    size = few || count - i < 8 * width ? count - i : 8 * width;
    Columns c = {.count = size, .stride = B};
    for (size_t j = 0; j < size; j++) {
      c.value[j] = first + (i + j) * step;
      c.start[j] = c.value[j] / B * D * B + c.value[j] % B;
    }
    if (few) rows_in_lanes(r, P, &c, z, values, gradient);
    else if (W > 1 && width == 3) draws_in_lanes(r, R, 3, &c, z, values, gradient, point, slope);
    else if (W > 1 && width == 2) draws_in_lanes(r, R, 2, &c, z, values, gradient, point, slope);
    else draws_in_lanes(r, R, 1, &c, z, values, gradient, point, slope);
  }
}

WB_INLINE void blocks(Rows r, size_t R, size_t W, size_t P, const double *z, double *values, double *gradient, size_t K,
                      size_t B) {
  size_t sets = r.picked ? B : 1;  // lanes have rows of their own, or all have all
  const int32_t *picked = r.picked;
  for (size_t s = 0; s < sets; s++) {
    if (picked) r.picked = picked + s;
    columns(&r, R, W, P, z, values, gradient, s, sets, K, B);
  }
}

#if defined(__x86_64__) && defined(__linux__) && !defined(WB_NO_CLONES)
#define WIDE 1
#define NARROW __attribute__((target_clones("arch=x86-64-v3", "default")))
__attribute__((target("arch=x86-64-v4"), min_vector_width(512), noinline)) static void wide_blocks(
    Rows r, const double *z, double *values, double *gradient, size_t K, size_t B) {
  blocks(r, 8, WIDTH, 4, z, values, gradient, K, B);
}
#else
#define WIDE 0
#define NARROW
#endif

/// Where eight doubles are several registers, of sixteen.
NARROW static void narrow_blocks(Rows r, const double *z, double *values, double *gradient, size_t K, size_t B) {
  blocks(r, 6, 1, 1, z, values, gradient, K, B);
}

size_t wb_regression_panels_size(size_t N, size_t D) {
  size_t chunk = chunk_length(N);
  return (N + 8 * chunk - 1) / (8 * chunk) * 8 * chunk * (D + 2);
}

void wb_regression_panels(const double *design, const double *target, const double *offset, size_t N, size_t D,
                          double *panels) {
  size_t chunk = chunk_length(N);
  memset(panels, 0, wb_regression_panels_size(N, D) * sizeof(double));
  for (size_t n = 0; n < N; n++) {
    size_t set = n / (8 * chunk), lane = n / chunk % 8, i = n % chunk;
    double *to = panels + (set * chunk + i) * (D + 2) * 8 + lane;
    for (size_t d = 0; d < D; d++) to[d * 8] = design[n * D + d];
    to[D * 8] = target[n];
    to[(D + 1) * 8] = offset ? offset[n] : 0;
  }
}

void wb_regression(enum wb_response response, double precision, const double *design, const double *target,
                   const double *offset, const double *panels, size_t N, const int32_t *indices, size_t M,
                   const double *z, double *values, double *gradient, size_t K, size_t D, size_t B) {
  if (!values && !gradient) return;
  size_t count = indices ? M : N;
  Rows rows = {.response = response, .design = design, .target = target, .offset = offset,
               .panels = indices ? NULL : panels, .precision = precision, .weight = (double)N / (double)count,
               .dimension = D, .count = count, .chunk = chunk_length(count), .step = B, .picked = indices};
#if WIDE
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) {
    wide_blocks(rows, z, values, gradient, K, B);
    return;
  }
#endif
  narrow_blocks(rows, z, values, gradient, K, B);
}
