internal import CKernels
internal import NeuralNetworks

/// What the figures depend on besides the spec.
package enum WorkbenchVersion {
  package static let current = "0.1.0"

  /// GSL, the C library whose mathematics is used for cosines, exponentials of costs and the like, the compiler and
  /// the processor. The block kernels give the same bits on every processor; libm and the
  /// BLAS that multiplies the matrices of networks choose their code by processor.
  static var versions: JSONOutput {
    .object([
      (key: "gsl", value: .string(String(cString: wb_gsl_version()))),
      (key: "libm", value: .string(String(cString: wb_libm_version()))),
      (key: "blas", value: .string(LinearAlgebra.description)),
      (key: "swift", value: .string(compiler)),
      (key: "processor", value: .string(processor)),
      (key: "vector_width", value: .string(vectorWidth)),
    ])
  }

  private static var compiler: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }

  private static var processor: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "arm64"
    #else
      "other"
    #endif
  }

  /// The kernels' clone that the loader chose.
  private static var vectorWidth: String { String(cString: wb_vector_width()) }
}
