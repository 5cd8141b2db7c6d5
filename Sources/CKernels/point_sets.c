#include "kernels.h"
#include <limits.h>

// Randomised point sets; see CKernels.h for their laws. Words become doubles by shifts, sums and one rounded quotient.

enum { LANES_AT_ONCE = 32, WORDS_AT_ONCE = 64, RESOLUTION = 50 };

void wb_fill_words(const gsl_rng *rng, uint64_t *out, size_t n) {
  if (rng->type->min == 0 && rng->type->max == ULONG_MAX && ULONG_MAX == UINT64_MAX)
    for (size_t i = 0; i < n; i++) out[i] = gsl_rng_get(rng);
  else if (rng->type->min == 0 && rng->type->max == UINT32_MAX)
    for (size_t i = 0; i < n; i++) {
      uint64_t high = gsl_rng_get(rng);
      out[i] = high << 32 | gsl_rng_get(rng);
    }
  else
    for (size_t i = 0; i < n; i++) {
      uint64_t word = 0;
      for (int part = 0; part < 4; part++) {
        // zuf's uniform can be exactly 1.
        uint64_t digit = (uint64_t)(gsl_rng_uniform(rng) * 0x1p16);
        word = word << 16 | (digit < 0xffff ? digit : 0xffff);
      }
      out[i] = word;
    }
}

/// The middle of the interval of length 2^-52 that begins with the word's 52 highest bits.
static inline double middle(uint64_t word) {
  uint64_t bits = word >> 12 | 0x3ff0000000000000;
  double x;
  memcpy(&x, &bits, sizeof x);
  return (x - 1.0) + 0x1p-53;
}

/// The middle of the interval of length 2^-bits that begins with the word's highest bits.
static inline double fraction(uint64_t word, int bits) {
  return ((double)(word >> (64 - bits)) + 0.5) / (double)((uint64_t)1 << bits);
}

/// Bits that are left to a fraction beside integers up to `largest`, so that their sum is exact, and so distant from the
/// next integer that no quotient reaches it.
static inline int bits_beside(uint64_t largest) { return RESOLUTION - (64 - __builtin_clzll(largest | 1)); }

void wb_fill_open_uniform(const gsl_rng *rng, double *out, size_t n) {
  uint64_t words[WORDS_AT_ONCE];
  for (size_t i = 0; i < n; i += WORDS_AT_ONCE) {
    size_t some = n - i < WORDS_AT_ONCE ? n - i : WORDS_AT_ONCE;
    wb_fill_words(rng, words, some);
    for (size_t j = 0; j < some; j++) out[i + j] = middle(words[j]);
  }
}

void wb_fill_latin_hypercube(const gsl_rng *rng, double *out, size_t K, size_t D, size_t B) {
  uint64_t words[LANES_AT_ONCE];
  int bits = bits_beside(K);
  for (size_t d = 0; d < D; d++)
    for (size_t l0 = 0; l0 < B; l0 += LANES_AT_ONCE) {
      size_t n = B - l0 < LANES_AT_ONCE ? B - l0 : LANES_AT_ONCE;
      double *rows = out + d * B + l0;
      // Fisher and Yates, inside out. The product's high word is the place, its low word the place within the interval.
      for (size_t k = 0; k < K; k++) {
        wb_fill_words(rng, words, n);
        for (size_t l = 0; l < n; l++) {
          unsigned __int128 product = (unsigned __int128)words[l] * (k + 1);
          size_t place = (size_t)(product >> 64);
          double value = (double)k + fraction((uint64_t)product, bits);
          if (place != k) rows[k * D * B + l] = rows[place * D * B + l];
          rows[place * D * B + l] = value;
        }
      }
      for (size_t k = 0; k < K; k++)
        for (size_t l = 0; l < n; l++) rows[k * D * B + l] /= (double)K;
    }
}

/// One coordinate of `n` lanes. `directions` has a row of n for each bit.
WB_CLONES static void walk_net(const uint64_t (*directions)[LANES_AT_ONCE], const uint64_t *shift, int scramble,
                               double *out, size_t K, size_t row, size_t n) {
  uint64_t at[LANES_AT_ONCE];
  for (size_t l = 0; l < n; l++) at[l] = scramble ? shift[l] : 0;
  for (size_t k = 0; k < K; k++) {
    if (k > 0) {
      const uint64_t *step = directions[__builtin_ctzll(k)];
      for (size_t l = 0; l < n; l++) at[l] ^= step[l];
    }
    if (scramble)
      for (size_t l = 0; l < n; l++) out[k * row + l] = middle(at[l]);
    else
      for (size_t l = 0; l < n; l++) out[k * row + l] = middle(at[l] + shift[l]);
  }
}

void wb_fill_digital_net(const gsl_rng *rng, const uint64_t *directions, size_t stride, int scramble, double *out,
                         size_t K, size_t D, size_t B) {
  uint64_t steps[32][LANES_AT_ONCE], words[LANES_AT_ONCE];
  size_t bits = K > 1 ? 64 - __builtin_clzll(K - 1) : 0;
  for (size_t d = 0; d < D; d++) {
    uint64_t used = 0;
    for (size_t j = 0; j < bits; j++) used |= directions[j * stride + d];
    for (size_t l0 = 0; l0 < B; l0 += LANES_AT_ONCE) {
      size_t n = B - l0 < LANES_AT_ONCE ? B - l0 : LANES_AT_ONCE;
      for (size_t j = 0; j < bits; j++)
        for (size_t l = 0; l < n; l++) steps[j][l] = scramble ? 0 : directions[j * stride + d];
      if (scramble)
        // Column c of the matrix has 1 on the diagonal and random digits below. It is added where digit c is 1.
        for (int c = 0; c < 64 && used << c; c++) {
          wb_fill_words(rng, words, n);
          for (size_t j = 0; j < bits; j++) {
            if (!(directions[j * stride + d] >> (63 - c) & 1)) continue;
            for (size_t l = 0; l < n; l++) steps[j][l] ^= (words[l] | (uint64_t)1 << 63) >> c;
          }
        }
      wb_fill_words(rng, words, n);
      walk_net(steps, words, scramble, out + d * B + l0, K, D * B, n);
    }
  }
}

/// The digits of k in a base, lowest first, and the radical inverse times a power of the base: digit i weighs
/// weights[i].
struct odometer {
  uint32_t base, digits[64];
  size_t places;
  uint64_t weights[64], power;
};

static void set(struct odometer *meter, uint32_t base, size_t K) {
  meter->base = base;
  meter->places = 0;
  meter->power = 1;
  for (; meter->power < K; meter->power *= base) meter->places++;
  uint64_t weight = meter->power;
  for (size_t i = 0; i < meter->places; i++) {
    meter->digits[i] = 0;
    meter->weights[i] = weight /= base;
  }
}

/// Counts on, and returns what the radical inverse grows by if digit a of place i stands for images[i * base + a].
static inline int64_t advance(struct odometer *meter, const uint16_t *images) {
  int64_t growth = 0;
  for (size_t i = 0; i < meter->places; i++) {
    const uint16_t *image = images + i * meter->base;
    uint32_t old = meter->digits[i], new = old + 1 < meter->base ? old + 1 : 0;
    meter->digits[i] = new;
    growth += ((int64_t)image[new] - (int64_t)image[old]) * (int64_t)meter->weights[i];
    if (new) break;
  }
  return growth;
}

/// The images of the first `count` digits become `count` random ones of `base`; any permutation will do to start from.
static void permute(const gsl_rng *rng, uint16_t *images, size_t count, size_t base) {
  uint64_t words[WORDS_AT_ONCE];
  for (size_t i = 0; i < count; i++) {
    if (i % WORDS_AT_ONCE == 0) wb_fill_words(rng, words, count - i < WORDS_AT_ONCE ? count - i : WORDS_AT_ONCE);
    size_t j = i + (size_t)((unsigned __int128)words[i % WORDS_AT_ONCE] * (base - i) >> 64);
    uint16_t image = images[j];
    images[j] = images[i];
    images[i] = image;
  }
}

void wb_fill_halton(const gsl_rng *rng, const uint32_t *bases, int scramble, double *out, size_t K, size_t D,
                    size_t B) {
  uint16_t images[WB_HALTON_PERMUTATION];
  uint64_t words[WORDS_AT_ONCE];
  struct odometer meter;
  for (size_t d = 0; d < D; d++) {
    uint32_t base = bases[d];
    set(&meter, base, K);
    for (size_t i = 0; i < meter.places * base; i++) images[i] = (uint16_t)(i % base);
    double power = (double)meter.power;
    int bits = bits_beside(meter.power);
    for (size_t l = 0; l < B; l++) {
      double *column = out + d * B + l;
      uint64_t inverse = 0, reached = K;
      if (scramble)
        for (size_t i = 0; i < meter.places; i++) {
          permute(rng, images + i * base, reached < base ? reached : base, base);
          reached = (reached + base - 1) / base;
          inverse += images[i * base] * meter.weights[i];
        }
      else wb_fill_words(rng, words, 1);
      uint64_t shift = words[0];
      for (size_t k = 0; k < K; k++) {
        if (scramble) {
          if (k % WORDS_AT_ONCE == 0) wb_fill_words(rng, words, K - k < WORDS_AT_ONCE ? K - k : WORDS_AT_ONCE);
          column[k * D * B] = ((double)inverse + fraction(words[k % WORDS_AT_ONCE], bits)) / power;
        } else {
          column[k * D * B] = middle((uint64_t)((double)inverse / power * 0x1p64) + shift);
        }
        inverse += (uint64_t)advance(&meter, images);
      }
      // Back to 0 for the next lane.
      memset(meter.digits, 0, sizeof meter.digits);
    }
  }
}
