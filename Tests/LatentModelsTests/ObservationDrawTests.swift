import GradientEstimation
import Randomness
import Testing

@testable import LatentModels

/// Draws of p(x | z).
@Suite struct ObservationDrawTests {
  /// Of 200 000 draws at one z the mean is E[x | z], and the density's own score, ∇_θ log p(x | z), averages zero, which a wrong
  /// scale or covariance would not leave: at 5 and 5.5 standard errors, so that one suite in some 10⁴ fails by chance.
  @Test(arguments: VariationalAutoencoderSpecification.LikelihoodKind.allCases)
  func momentsAreTheLikelihoods(_ kind: VariationalAutoencoderSpecification.LikelihoodKind) throws {
    var specification = VariationalAutoencoderSpecification()
    (specification.dataset.data, specification.latent, specification.hidden) = ("iris", "2", "3")
    if kind == .bernoulli || kind == .categorical {
      let file = try TemporaryFile("a,b,c,d\n0,1,0.5,0.25\n1,0,0.75,0\n0.5,0.5,0,1\n0.25,1,1,0.75\n0,0,0.25,0.5\n")
      specification.dataset.data = file.path
      specification.minibatch = 1
      if kind == .categorical { specification.categories = 5 }
      try check(specification, kind)
    } else {
      try check(specification, kind)
    }
  }

  private func check(
    _ given: VariationalAutoencoderSpecification, _ kind: VariationalAutoencoderSpecification.LikelihoodKind
  ) throws {
    var specification = given
    specification.likelihood = kind
    let made = try #require(try specification.makeIntegrand() as? VariationalAutoencoder)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 5)
    var model = made.initialized(random: &random)
    var shifts = [Double](repeating: 0, count: model.modelParameters.count), span = shifts.mutableSpan
    random.fillNormals(&span)
    for i in shifts.indices { model.modelParameters[i] += 0.4 * shifts[i] }
    let lanes = 200_000, d = model.observationDimension
    let z = Array(repeating: 0.7, count: lanes) + Array(repeating: -0.4, count: lanes)
    let x = model.observationDraws(at: z, lanes: lanes, random: &random)
    let means = model.meanObservations(at: [0.7, -0.4], lanes: 1)
    for i in 0..<d {
      let own = x[i * lanes..<(i + 1) * lanes], n = Double(lanes)
      let mean = own.reduce(0, +) / n
      let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
      #expect(abs(mean - means[i]) < 5 * (variance / n).squareRoot() + 1e-12, "\(kind), \(i)")
      if kind == .bernoulli { #expect(own.allSatisfy { $0 == 0 || $0 == 1 }) }
      if kind == .categorical { #expect(own.allSatisfy { ($0 * 4).rounded() == $0 * 4 }) }
    }
    try checkDensity(model, x, lanes, kind)
  }

  /// E ∇ log p(x | z) in the outputs' own parameters, θ of the last layer among them, is zero under draws of p(x | z) itself.
  private func checkDensity(
    _ model: VariationalAutoencoder, _ x: [Double], _ lanes: Int,
    _ kind: VariationalAutoencoderSpecification.LikelihoodKind
  ) throws {
    let q = model.modelParameters.count, width = 1000, d = model.observationDimension
    var sums = [Double](repeating: 0, count: q), squares = sums, blocks = 0.0
    for first in stride(from: 0, to: lanes, by: width) {
      var block = DrawBlock(
        shape: Shape(samples: 1, dimension: 2, parameters: 4, lanes: width), parameters: [0, 0, 0, 0])
      block.draws.z = Array(repeating: 0.7, count: width) + Array(repeating: -0.4, count: width)
      block.draws.observations = (0..<d).flatMap { i in x[i * lanes + first..<i * lanes + first + width] }
      let problem = try Problem(
        model: model, family: FlatFamily(), objective: EvidenceLowerBound(), sampling: IndependentSampling())
      block.evaluate(model.modelGradientQuantities, of: problem)
      var gradient = [Double](repeating: 0, count: q), span = gradient.mutableSpan
      let ones = [Double](repeating: 1, count: width)
      problem.addTotalModelGradient(weights: ones.span, factor: 1 / Double(width), of: block, into: &span)
      for i in 0..<q {
        sums[i] += gradient[i]
        squares[i] += gradient[i] * gradient[i]
      }
      blocks += 1
    }
    var seen = 0
    for i in 0..<q {
      let mean = sums[i] / blocks, variance = squares[i] / blocks - mean * mean
      guard variance > 0 else { continue }
      seen += 1
      #expect(abs(mean) < 5.5 * (variance / blocks).squareRoot(), "\(kind), θ_\(i): \(mean)")
    }
    #expect(seen > q / 2)
  }

  /// λ that nothing looks at.
  private struct FlatFamily: VariationalFamily {
    var dimension: Int { 2 }
    var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "none", range: 0..<4)] }
    var initialParameters: [Double] { [0, 0, 0, 0] }
    func parameters(of distribution: any Prior) -> [Double]? { nil }
    func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {}
    func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
    func addScore(
      weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws,
      into gradients: inout MutableSpan<Double>
    ) {}
    func analyticTerms(for model: any Integrand) -> Terms { [] }
    func addAnalyticGradient(
      of terms: Terms, for model: any Integrand, at draws: borrowing Draws,
      into gradients: inout MutableSpan<Double>
    ) {}
    func exactExpectation(of terms: Terms, for model: any Integrand, parameters: [Double]) -> ExactExpectation? { nil }
  }
}
