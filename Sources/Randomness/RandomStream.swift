internal import CGSL
internal import CKernels

/// A stream of random numbers: one `gsl_rng`, owned by one task.
///
/// Numbers are drawn in bulk. A stream is the pure function of its generator and its index; `StreamKey` says which
/// index belongs to what.
public struct RandomStream: ~Copyable {
  public let generator: Generator
  private let state: UnsafeMutablePointer<gsl_rng>

  /// Stream `index` of `generator`.
  ///
  /// - Throws: `RandomnessError` if GSL cannot make it.
  public init(_ generator: Generator, index: UInt) throws(RandomnessError) {
    wb_silence_gsl()
    guard let type = generator.type, let state = gsl_rng_alloc(type) else {
      throw RandomnessError("cannot make a stream of generator '\(generator.name)'")
    }
    gsl_rng_set(state, generator.seed(ofStream: index))
    for _ in 0..<generator.discard { _ = gsl_rng_get(state) }
    self.generator = generator
    self.state = state
  }

  private init(_ generator: Generator, state: UnsafeMutablePointer<gsl_rng>) {
    self.generator = generator
    self.state = state
  }

  deinit { gsl_rng_free(state) }

  /// Another stream that goes on as this one would.
  ///
  /// - Throws: `RandomnessError` if GSL cannot make it.
  public func copy() throws(RandomnessError) -> RandomStream {
    guard let twin = gsl_rng_clone(state) else {
      throw RandomnessError("cannot copy a stream of generator '\(generator.name)'")
    }
    return RandomStream(generator, state: twin)
  }

  /// The next integer, in `generator.range`.
  public mutating func next() -> UInt { UInt(gsl_rng_get(state)) }

  /// Fills `numbers` with independent standard normals.
  ///
  /// Numbers filled in portions are the numbers filled at once. `xoshiro256x8` makes normals in groups of 16, each from
  /// 16 integers of the stream, and keeps the rest of a group for the next call: integers and uniforms drawn in between
  /// are those that follow the group.
  public mutating func fillNormals(_ numbers: inout MutableSpan<Double>) {
    let method = generator.normalMethod
    numbers.withUnsafeMutableBufferPointer {
      switch method {
      case .ziggurat: wb_fill_normal_ziggurat(state, $0.baseAddress, $0.count)
      case .polar: wb_fill_normal_polar(state, $0.baseAddress, $0.count)
      case .boxMuller: wb_fill_normal_xoshiro256x8(state, $0.baseAddress, $0.count)
      }
    }
  }

  /// Fills `numbers` with independent uniforms on [0, 1).
  public mutating func fillUniforms(_ numbers: inout MutableSpan<Double>) {
    let origin = generator.origin
    numbers.withUnsafeMutableBufferPointer {
      switch origin {
      case .gsl: wb_fill_uniform(state, $0.baseAddress, $0.count)
      case .workbench: wb_fill_uniform_xoshiro256x8(state, $0.baseAddress, $0.count)
      }
    }
  }

  /// For each lane, `chosen` different members of `0..<order.count`, all subsets equally likely:
  /// `[chosen × lanes]`, lane fastest.
  ///
  /// - Parameter order: any permutation of `0..<order.count`; it is shuffled further.
  public mutating func choose(
    _ chosen: Int, of order: inout [Int32], lanes: Int, into indices: inout MutableSpan<Int32>
  ) {
    precondition(chosen <= order.count && indices.count == chosen * lanes, "choose: buffer of the wrong shape")
    order.withUnsafeMutableBufferPointer { order in
      indices.withUnsafeMutableBufferPointer {
        wb_choose(state, order.baseAddress, order.count, chosen, lanes, $0.baseAddress)
      }
    }
  }
}

/// Why a stream cannot be had, in one line.
public struct RandomnessError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
