public import Randomness

/// Independent draws.
public struct IndependentSampling: SamplingScheme {
  public init() {}

  public static let descriptor = Descriptor<Self>(
    id: "iid", summary: "independent draws", equation: "ε_k ~ N(0, I), k = 1…K, independent")

  public var drawsAreIndependent: Bool { true }

  public func fillNormals(_ noise: inout MutableSpan<Double>, shape: Shape, random: inout RandomStream) {
    random.fillNormals(&noise)
  }
}
