// What the kernels share. Private to this target.
#pragma once
#include "CKernels.h"
#include <math.h>
#include <string.h>

// One clone per vector width, chosen when the program is loaded. The arithmetic is the same in each: where a product and
// a sum are rounded once, fma8 says so, and nowhere else does the compiler contract them. A processor without the
// instruction calls the C library's fma, slower and to the same bits.
#if defined(__x86_64__) && defined(__linux__) && !defined(WB_NO_CLONES)
#define WB_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WB_CLONES
#endif

#define WB_LOG_2PI 1.8378770664093454836

// Eight doubles; the compiler splits them for narrower processors.
typedef double v8 __attribute__((vector_size(64)));
typedef int64_t i8 __attribute__((vector_size(64)));
#define WB_INLINE static inline __attribute__((always_inline))

// Statement macros and out-parameters instead of functions that take or return v8: without AVX-512 such a function has
// another calling convention, and clang refuses it inside a clone even where it is inlined.
#define load8(p) ({ v8 v_; memcpy(&v_, (p), sizeof v_); v_; })
#define store8(p, v) ({ v8 v_ = (v); memcpy((p), &v_, sizeof v_); })
#define all8(x) ({ double x_ = (x); (v8){x_, x_, x_, x_, x_, x_, x_, x_}; })
#define select8(mask, yes, no) ({ i8 m_ = (mask); v8 y_ = (yes), n_ = (no); (v8)(((i8)y_ & m_) | ((i8)n_ & ~m_)); })
/// a * b + c, rounded once.
#define fma8(a, b, c) ({ v8 a_ = (a), b_ = (b), c_ = (c); __builtin_elementwise_fma(a_, b_, c_); })
/// p * x + c with a number c: a step of Horner's rule.
#define horner8(p, x, c) fma8(p, x, all8(c))
#define abs8(x) ((v8)((i8)(x) & 0x7fffffffffffffffLL))
/// n < 8 values, the rest zero.
#define load_some(p, n) ({ double t_[8] = {0}; memcpy(t_, (p), (n) * sizeof(double)); load8(t_); })
#define store_some(p, v, n) ({ double t_[8]; store8(t_, v); memcpy((p), t_, (n) * sizeof(double)); })
#define sum8(a) ({ v8 a_ = (a); ((a_[0] + a_[4]) + (a_[2] + a_[6])) + ((a_[1] + a_[5]) + (a_[3] + a_[7])); })
#define exp8(x) ({ v8 in_ = (x), out_; exp8_into(&in_, &out_); out_; })
#define log8(x) ({ v8 in_ = (x), out_; log8_into(&in_, &out_); out_; })

#define tanh8(x) ({ \
  v8 x_ = (x), small_ = exp8(-2.0 * abs8(x_)), size_ = (1.0 - small_) / (1.0 + small_); \
  select8(x_ < 0.0, -size_, size_); \
})

/// e^x: Cody-Waite reduction, degree 13 Taylor polynomial on |r| <= log(2)/2. Saturates to 0 and infinity.
WB_INLINE void exp8_into(const v8 *in, v8 *out) {
  v8 x = *in;
  const v8 magic = all8(6755399441055744.0);  // 1.5 * 2^52: adding it rounds to an integer
  i8 nan = x != x;
  v8 c = select8(x < -746.0, all8(-746.0), x);
  c = select8(c > 710.0, all8(710.0), c);
  v8 k = horner8(c, all8(1.4426950408889634), 6755399441055744.0) - magic;
  v8 r = fma8(k, all8(-1.90821492927058770002e-10), fma8(k, all8(-6.93147180369123816490e-01), c));
  v8 p = all8(1.0 / 6227020800.0);
  p = horner8(p, r, 1.0 / 479001600.0);
  p = horner8(p, r, 1.0 / 39916800.0);
  p = horner8(p, r, 1.0 / 3628800.0);
  p = horner8(p, r, 1.0 / 362880.0);
  p = horner8(p, r, 1.0 / 40320.0);
  p = horner8(p, r, 1.0 / 5040.0);
  p = horner8(p, r, 1.0 / 720.0);
  p = horner8(p, r, 1.0 / 120.0);
  p = horner8(p, r, 1.0 / 24.0);
  p = horner8(p, r, 1.0 / 6.0);
  p = horner8(p, r, 0.5);
  v8 e = 1.0 + fma8(r * r, p, r);
  // 2^k in two factors, so that results below 2^-1022 and above 2^1023 come out right.
  i8 n = __builtin_convertvector(k, i8), half = n >> 1, rest = n - half;
  e = e * (v8)((half + 1023) << 52) * (v8)((rest + 1023) << 52);
  *out = select8(nan, x, e);
}

/// log x for x > 0 and normal: x = 2^k m with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1)/(m + 1)).
WB_INLINE void log8_into(const v8 *in, v8 *out) {
  v8 x = *in;
  i8 bits = (i8)x;
  i8 shifted = bits - 0x3fe6a09e667f3bcdLL;  // bits of sqrt(1/2)
  i8 k = shifted >> 52;
  v8 m = (v8)(bits - (k << 52));
  v8 f = m - 1.0, s = f / (m + 1.0), w = s * s;
  v8 p = all8(2.0 / 23.0);
  p = horner8(p, w, 2.0 / 21.0);
  p = horner8(p, w, 2.0 / 19.0);
  p = horner8(p, w, 2.0 / 17.0);
  p = horner8(p, w, 2.0 / 15.0);
  p = horner8(p, w, 2.0 / 13.0);
  p = horner8(p, w, 2.0 / 11.0);
  p = horner8(p, w, 2.0 / 9.0);
  p = horner8(p, w, 2.0 / 7.0);
  p = horner8(p, w, 2.0 / 5.0);
  p = horner8(p, w, 2.0 / 3.0);
  // log m = f - s (f - w p'): the leading term exact (fdlibm's arrangement).
  v8 h = 0.5 * f * f;
  v8 tail = s * fma8(w, p, h);
  v8 kd = __builtin_convertvector(k, v8);
  *out = fma8(kd, all8(6.93147180369123816490e-01), f - (h - fma8(kd, all8(1.90821492927058770002e-10), tail)));
}
