// The kernels under other names: WB_NAMED(name) gives the variant's. No include guard: once a variant.
#define WB_NO_CLONES
#define wb_xoshiro256x8 WB_NAMED(wb_xoshiro256x8)
#define wb_fill_uniform_xoshiro256x8 WB_NAMED(wb_fill_uniform_xoshiro256x8)
#define wb_fill_normal_xoshiro256x8 WB_NAMED(wb_fill_normal_xoshiro256x8)
#define wb_box_muller WB_NAMED(wb_box_muller)
#define wb_xoshiro256_multiply WB_NAMED(wb_xoshiro256_multiply)
#define wb_xoshiro256x8_apply WB_NAMED(wb_xoshiro256x8_apply)
#define wb_normal_quantiles WB_NAMED(wb_normal_quantiles)
#define wb_regression WB_NAMED(wb_regression)
#define wb_regression_panels WB_NAMED(wb_regression_panels)
#define wb_regression_panels_size WB_NAMED(wb_regression_panels_size)
#include "../../Sources/CKernels/normal_quantile.c"
#include "../../Sources/CKernels/xoshiro.c"
#include "../../Sources/CKernels/regression.c"
