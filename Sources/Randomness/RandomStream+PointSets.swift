internal import CKernels

/// Sets of K points in (0, 1)^D, `[K × D × B]`, replicate fastest: each lane has a random set of its own, independent of the
/// others, and each of its points is uniform, to a resolution of 2^−50 or finer. No number is 0 or 1.
extension RandomStream {
  /// Independent uniforms.
  public mutating func fillOpenUniforms(_ numbers: inout MutableSpan<Double>) {
    withGenerator { rng in
      numbers.withUnsafeMutableBufferPointer { wb_fill_open_uniform(rng, $0.baseAddress, $0.count) }
    }
  }

  /// Latin hypercubes: in each coordinate one point, uniform, in each of K equal intervals, in random order
  /// (McKay, Beckman and Conover 1979).
  public mutating func fillLatinHypercube(
    _ points: inout MutableSpan<Double>, samples: Int, dimension: Int, lanes: Int
  ) {
    precondition(points.count == samples * dimension * lanes, "fillLatinHypercube: points must be [K × D × B]")
    withGenerator { rng in
      points.withUnsafeMutableBufferPointer { wb_fill_latin_hypercube(rng, $0.baseAddress, samples, dimension, lanes) }
    }
  }

  /// The first K points of a digital sequence, randomised. `scramble` multiplies the binary digits of each coordinate by a
  /// random lower triangular matrix, of 1 on its diagonal, and adds a random digital shift (Matoušek 1998).
  public mutating func fillDigitalNet(
    _ points: inout MutableSpan<Double>, of sequence: DigitalSequence, by randomization: PointRandomization,
    samples: Int, dimension: Int, lanes: Int
  ) {
    precondition(points.count == samples * dimension * lanes, "fillDigitalNet: points must be [K × D × B]")
    precondition(
      dimension <= sequence.maximumDimension && samples <= 1 << 30, "fillDigitalNet: beyond the limits of the sequence")
    let bits = Int.bitWidth - (samples - 1).leadingZeroBitCount
    let directions = sequence.directions(bits: max(bits, 1))
    withGenerator { rng in
      points.withUnsafeMutableBufferPointer { points in
        directions.withUnsafeBufferPointer {
          wb_fill_digital_net(
            rng, $0.baseAddress, sequence.maximumDimension, randomization == .scramble ? 1 : 0, points.baseAddress,
            samples, dimension, lanes)
        }
      }
    }
  }

  /// The first K points of the Halton sequence, randomised. `scramble` sends the digits of each place that tells points
  /// apart through a random permutation (Owen 2017), and makes what follows them uniform, for each point anew.
  public mutating func fillHalton(
    _ points: inout MutableSpan<Double>, by randomization: PointRandomization, samples: Int, dimension: Int, lanes: Int
  ) {
    precondition(points.count == samples * dimension * lanes, "fillHalton: points must be [K × D × B]")
    precondition(
      dimension <= HaltonSequence.maximumDimension && samples <= 1 << 24,
      "fillHalton: beyond the limits of the sequence")
    withGenerator { rng in
      points.withUnsafeMutableBufferPointer { points in
        HaltonSequence.bases.withUnsafeBufferPointer {
          wb_fill_halton(
            rng, $0.baseAddress, randomization == .scramble ? 1 : 0, points.baseAddress, samples, dimension, lanes)
        }
      }
    }
  }
}
