internal import CKernels

extension RandomStream {
  /// Fills `numbers[range]` with independent draws of Gamma(shape, 1), by the rejection method of Marsaglia and Tsang (2000),
  /// normals by the generator's method. Of a shape that is not positive and finite they are not numbers.
  public mutating func fillGammas(_ numbers: inout MutableSpan<Double>, in range: Range<Int>, shape: Double) {
    precondition(range.lowerBound >= 0 && range.upperBound <= numbers.count, "fillGammas: range out of bounds")
    let polar: Int32 = generator.normalMethod == .polar ? 1 : 0
    withGenerator { rng in
      numbers.withUnsafeMutableBufferPointer {
        guard let base = $0.baseAddress else { return }
        wb_fill_gamma(rng, polar, shape, base + range.lowerBound, range.count)
      }
    }
  }
}
