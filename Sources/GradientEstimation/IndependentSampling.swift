public import Randomness

/// Independent draws.
public struct IndependentSampling: SamplingScheme {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "iid", summary: "independent draws", equation: "u_k ~ U(0, 1)^D, k = 1…K, independent",
    notes: [Note("Rate", "the variance of an average of K draws is 1/K of that of one.")])

  public var drawsAreIndependent: Bool { true }

  public func fillUniforms(_ uniforms: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillOpenUniforms(&uniforms)
  }

  /// The stream's own normals.
  public func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillNormals(&noise)
  }
}
