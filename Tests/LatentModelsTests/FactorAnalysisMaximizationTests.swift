import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing
import VariationalFamilies

/// Expectation maximisation of probabilistic PCA and factor analysis.
@Suite struct FactorAnalysisMaximizationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let data: String
    let latent: Int
    let sharesNoise: Bool
    var testDescription: String { "\(data), k \(latent), \(sharesNoise ? "one σ" : "a σ each")" }

    /// Iris as it is, wine standardised.
    func model() throws -> FactorAnalysis {
      if sharesNoise {
        return try FactorAnalysisTests.all(LinearAutoencoder.self) {
          ($0.dataset.data, $0.dataset.standardize, $0.options.latent) = (data, data == "wine", latent)
        }
      }
      return try FactorAnalysisTests.all(FactorAnalyzer.self) {
        ($0.dataset.data, $0.dataset.standardize, $0.options.latent) = (data, data == "wine", latent)
      }
    }

    /// Where training starts, for seeds; and a start that knows nothing of the data.
    func starts() throws -> [FactorAnalysis] {
      let model = try model()
      var starts: [FactorAnalysis] = []
      for index in 0..<3 {
        var random = try RandomStream(try #require(Generator.named("mt19937")), index: UInt(index))
        starts.append(model.initialized(random: &random))
      }
      let wild = try normals(90, model.modelParameters.count)
      return starts + [model.with(modelParameters: wild)]
    }
  }

  static let cases = [("iris", 1), ("iris", 3), ("wine", 2), ("wine", 5)].flatMap { data, latent in
    [true, false].map { Case(data: data, latent: latent, sharesNoise: $0) }
  }

  /// q_n of the E-step at θ: moments of each datum, written out by the posterior of one datum.
  static func expectations(
    _ model: FactorAnalysis, _ inference: LocalInference
  ) throws -> [(x: [Double], mean: [Double], covariance: [Double])] {
    let d = model.observationDimension, k = model.dimension, x = model.data.training.values
    return try (0..<model.dataCount(.training)).map { n in
      let own = Array(x[n * d..<(n + 1) * d])
      let posterior = try #require(model.datum(own).namedDistributions["posterior"] as? MultivariateNormal)
      var covariance = [Double](repeating: 0, count: k * k)
      switch inference {
      case .exact:
        let factor = try #require(posterior.covarianceFactor)
        for a in 0..<k {
          for b in 0..<k {
            covariance[a * k + b] = (0..<k).reduce(0) { $0 + factor[a * k + $1] * factor[b * k + $1] }
          }
        }
      case .factorized: for j in 0..<k { covariance[j * k + j] = 1 / posterior.precision[j * (k + 1)] }
      }
      return (own, posterior.mean, covariance)
    }
  }

  /// Neither likelihood nor bound falls, from any start, and with exact inference they are one.
  @Test(arguments: cases) func everyIterationRises(_ c: Case) throws {
    for start in try c.starts() {
      for inference in LocalInference.allCases {
        var (model, before) = (start, -Double.infinity)
        for iteration in 0..<150 {
          let likelihood = try #require(model.logLikelihood(of: .training))
          let (next, bound) = try #require(model.maximized(inference))
          let rounding = 1e-12 * (1 + abs(likelihood))
          #expect(bound >= before - rounding, "iteration \(iteration), \(inference)")
          #expect(bound <= likelihood + rounding)
          if inference == .exact { #expect(abs(bound - likelihood) < rounding) }
          #expect(try #require(model.bound(inference, of: .training)) == bound)
          (model, before) = (next, bound)
        }
      }
    }
  }

  /// The bound is the mean of the ELBOs of q_n, which no q_n nearby exceeds; and at θ' nothing is left of the gradient of
  /// Σ_n E_{q_n} log p_θ'(x_n, z_n).
  @Test(arguments: cases, LocalInference.allCases)
  func bothStepsAreOptimal(_ c: Case, _ inference: LocalInference) throws {
    let start = try #require(try c.starts().last), (next, bound) = try #require(start.maximized(inference))
    let k = start.dimension, terms: Terms = [.prior, .likelihood, .entropy]
    let family: any VariationalFamily =
      inference == .exact ? FullRankNormal(dimension: k) : MeanFieldNormal(dimension: k)
    var mean = 0.0, gradient = [Double](repeating: 0, count: start.modelParameters.count), sizes = gradient
    let expectations = try Self.expectations(start, inference)
    for (x, m, covariance) in expectations {
      let own = start.datum(x), after = try #require(next.datum(x) as? FactorAnalysisDatum)
      let precision = try #require(own.namedDistributions["posterior"] as? MultivariateNormal).precision
      let q: any Prior =
        inference == .exact
        ? MultivariateNormal(mean: m, precision: precision)
        : DiagonalNormal(mean: m, precision: (0..<k).map { precision[$0 * (k + 1)] })
      let lambda = try #require(family.parameters(of: q))
      let exact = try #require(family.exactExpectation(of: terms, for: own, parameters: lambda))
      mean += exact.value / Double(expectations.count)
      #expect(exact.gradient.allSatisfy { abs($0) < 1e-8 })
      for (p, slope) in after.modelGradient(mean: m, covariance: covariance).enumerated() {
        gradient[p] += slope
        sizes[p] += abs(slope)
      }
    }
    #expect(abs(mean - bound) < 1e-12 * (1 + abs(bound)))
    for p in gradient.indices { #expect(abs(gradient[p]) < 1e-10 * sizes[p] + 1e-9, "θ_\(p)") }
  }

  /// The maxima of Lucas et al. (2019), from a random start.
  @Test(arguments: [
    ("iris", 1, -3.13779639), ("iris", 2, -2.69975187), ("iris", 3, -2.53276420), ("wine", 1, -17.00446677),
    ("wine", 2, -16.15525989), ("wine", 3, -15.70179197), ("wine", 5, -15.21264511), ("wine", 10, -14.68799985),
  ])
  func reachesTheMaximum(_ data: String, _ latent: Int, _ known: Double) throws {
    let c = Case(data: data, latent: latent, sharesNoise: true)
    let start = try #require(try c.starts().first)
    for inference in LocalInference.allCases {
      var (model, last, iterations) = (start, -Double.infinity, 0)
      while iterations < 50_000 {
        let (next, bound) = try #require(model.maximized(inference))
        if bound - last < 1e-13, iterations > 1000 { break }
        (model, last, iterations) = (next, bound, iterations + 1)
      }
      let reached = try #require(model.bound(inference, of: .training))
      #expect(abs(reached - known) < (inference == .exact ? 1e-6 : 0.01), "\(inference), \(iterations) iterations")
      #expect(reached < known + 1e-8)
    }
  }

  /// Where expectation maximisation of factor analysis ends the gradient of the likelihood is zero (Fisher's identity: that of
  /// log p(x) is that of E log p(x, z) under the posterior), and it is higher than with one σ.
  @Test(arguments: [("wine", 1), ("wine", 2), ("wine", 3)]) func stationary(_ data: String, _ latent: Int) throws {
    var model = try #require(try Case(data: data, latent: latent, sharesNoise: false).starts().first)
    for _ in 0..<20_000 { model = try #require(model.maximized(.exact)).model }
    var gradient = [Double](repeating: 0, count: model.modelParameters.count)
    for (x, mean, covariance) in try Self.expectations(model, .exact) {
      let own = try #require(model.datum(x) as? FactorAnalysisDatum).modelGradient(mean: mean, covariance: covariance)
      for p in gradient.indices { gradient[p] += own[p] / Double(model.dataCount(.training)) }
    }
    let reached = try #require(model.logLikelihood(of: .training))
    #expect(gradient.allSatisfy { abs($0) < 1e-6 }, "\(gradient.map(abs).max() ?? 0)")
    // By differences too.
    for p in gradient.indices.prefix(3) {
      let slope = derivative(at: 0) { step in
        var theta = model.modelParameters
        theta[p] += 0.1 * step
        return model.with(modelParameters: theta).logLikelihood(of: .training) ?? .nan
      }
      #expect(abs(slope) < 1e-6)
    }
    let oneScale = try #require(try Case(data: data, latent: latent, sharesNoise: true).model().maximumLogLikelihood)
    #expect(reached > oneScale)
  }

  /// Columns of any units; a part without data; data without noise.
  @Test func units() throws {
    let lines = try normals(91, 60).enumerated().map { n, z in
      "\(1e6 * z + 3e6),\(1e-6 * (z + 0.5 * sin(Double(n)))),\(sin(Double(7 * n)) - z)"
    }
    let file = try TemporaryFile("a,b,c\n" + lines.joined(separator: "\n") + "\n")
    var model = try FactorAnalysisTests.all(FactorAnalyzer.self) {
      ($0.dataset.data, $0.dataset.testShare, $0.options.latent, $0.options.minibatch) = (file.path, 0.2, 1, 10)
    }
    var last = -Double.infinity
    for _ in 0..<200 {
      let (next, bound) = try #require(model.maximized(.exact))
      #expect(bound >= last - 1e-12 * (1 + abs(bound)))
      (model, last) = (next, bound)
    }
    for part in DataPart.allCases {
      let bound = try #require(model.bound(.exact, of: part)), wanted = try #require(model.logLikelihood(of: part))
      #expect(abs(bound - wanted) < 1e-11 * (1 + abs(wanted)))
    }
    #expect(try FactorAnalysisTests.all(FactorAnalyzer.self).bound(.exact, of: .test) == nil)
    let constant = try TemporaryFile("a,b\n1,5\n2,5\n4,5\n3,5\n")
    for latent in [1, 2] {
      let flat = try FactorAnalysisTests.all(FactorAnalyzer.self) {
        ($0.dataset.data, $0.options.latent, $0.options.minibatch) = (constant.path, latent, 4)
      }
      #expect(flat.maximized(.exact) == nil)
    }
  }

  /// The scatter and its factor, of fewer data than columns too.
  @Test(arguments: [(7, 3), (2, 4), (1, 2)]) func moments(_ count: Int, _ d: Int) throws {
    let values = try normals(92, count * d).map { 3 + 2 * $0 }
    let found = DataMoments(Dataset(source: "", dimension: d, values: values))
    for i in 0..<d {
      let mean = (0..<count).reduce(0.0) { $0 + values[$1 * d + i] } / Double(count)
      #expect(abs(found.mean[i] - mean) < 1e-14)
      for j in 0..<d {
        let other = (0..<count).reduce(0.0) { $0 + values[$1 * d + j] } / Double(count)
        let wanted =
          (0..<count).reduce(0.0) { $0 + (values[$1 * d + i] - mean) * (values[$1 * d + j] - other) } / Double(count)
        let scatter = (0..<d).reduce(0.0) { $0 + found.factor[i * d + $1] * found.factor[j * d + $1] }
        #expect(abs(scatter - wanted) < 1e-13)
      }
    }
  }
}
