import Foundation
import NeuralNetworks
import Testing

@Suite struct MatricesTests {
  /// GSL's reference BLAS and OpenBLAS export the same cblas_ names. Products go by the Fortran name, which OpenBLAS alone
  /// has.
  @Test func productsAreOpenBLASs() throws {
    #if os(Linux)
      func address(_ symbol: String, in library: String) -> UnsafeMutableRawPointer? {
        dlopen(library, RTLD_NOW).flatMap { dlsym($0, symbol) }
      }
      let called = try #require(dlsym(nil, "dgemm_"), "dgemm_ is not linked")
      #expect(called == address("dgemm_", in: "libopenblas.so.0"))
      #expect(address("dgemm_", in: "libgslcblas.so.0") == nil)
      #expect(address("cblas_dgemm", in: "libgslcblas.so.0") != nil)
    #endif
    #expect(LinearAlgebra.description.contains("OpenBLAS"))
  }
}
