internal import CKernels
public import Randomness

/// How the K draws of an estimate are placed, whatever the estimator and the family.
///
/// The laws: lanes are independent; each point of a lane is uniform on (0, 1)^D by itself, so that an estimator which
/// averages over draws has the same expectation under every scheme; same stream, same bits, and nothing else is drawn
/// from. A scheme is a value that all threads share, and filling does not allocate.
public protocol SamplingScheme: Component {
  /// Whether the K draws of an estimate are independent. An estimator whose correctness needs that refuses others.
  var drawsAreIndependent: Bool { get }
  /// Whether the scheme has sets of K = `samples` points in D dimensions. The default has all.
  ///
  /// - Throws: `EstimatorError` naming the limit and what to do.
  func check(samples: Int, dimension: Int) throws(EstimatorError)
  /// Fills `uniforms`, `[K × E × B]` with E the shape's noise dimension, with numbers strictly between 0 and 1. `shape`
  /// has passed `check`.
  func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream)
  /// Fills `noise`, `[K × E × B]`, with standard normals. The default takes quantiles of `fillUniforms`.
  func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream)
}

extension SamplingScheme {
  public func check(samples: Int, dimension: Int) throws(EstimatorError) {}

  public func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    fillUniforms(&noise, shape: shape, random: &random)
    noise.withUnsafeMutableBufferPointer { wb_normal_quantiles($0.baseAddress, $0.count) }
  }
}
