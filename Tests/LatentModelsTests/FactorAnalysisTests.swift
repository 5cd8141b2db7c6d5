import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing
import VariationalFamilies

@Suite struct FactorAnalysisTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let latent, columns: Int
    let sharesNoise: Bool
    var testDescription: String { "k \(latent), d \(columns), \(sharesNoise ? "one σ" : "a σ each")" }

    func decoder() throws -> LinearDecoder {
      let count = latent * columns + columns + (sharesNoise ? 1 : columns)
      return LinearDecoder(
        latent: latent, observationDimension: columns, sharesNoise: sharesNoise,
        parameters: try normals(UInt(60 + latent), count).map { 0.7 * $0 })
    }
    func datum() throws -> FactorAnalysisDatum {
      FactorAnalysisDatum(decoder: try decoder(), x: try normals(UInt(70 + columns), columns))
    }
  }

  static let cases = [
    Case(latent: 2, columns: 4, sharesNoise: true), Case(latent: 2, columns: 3, sharesNoise: false),
    Case(latent: 1, columns: 1, sharesNoise: true), Case(latent: 3, columns: 2, sharesNoise: false),
  ]

  /// W, μ and σ of each column, read from θ as its blocks say.
  struct Parts {
    let weights: [[Double]], mean, noise: [Double]

    init(_ model: any LearnableModel) {
      let blocks = model.modelParameterBlocks, theta = model.modelParameters
      let (w, m, s) = (Array(theta[blocks[0].range]), Array(theta[blocks[1].range]), Array(theta[blocks[2].range]))
      let k = w.count / m.count
      weights = m.indices.map { Array(w[$0 * k..<($0 + 1) * k]) }
      mean = m
      noise = m.indices.map { exp(s.count == 1 ? s[0] : s[$0]) }
    }

    func logLikelihood(_ x: [Double], _ z: [Double]) -> Double {
      x.indices.reduce(0) { sum, i in
        sum + logNormal(x[i], zip(weights[i], z).reduce(mean[i]) { $0 + $1.0 * $1.1 }, noise[i])
      }
    }

    /// log N(x; μ, W Wᵀ + Ψ) by the whole covariance.
    func logEvidence(_ x: [Double]) -> Double {
      Dense(x.count) { i, j in
        zip(weights[i], weights[j]).reduce(i == j ? noise[i] * noise[i] : 0) { $0 + $1.0 * $1.1 }
      }.logNormal(zip(x, mean).map { $0 - $1 })
    }
  }

  static func all<S: FactorAnalysisSpecification>(
    _ type: S.Type, _ change: (inout S) -> Void = { _ in }
  ) throws -> FactorAnalysis {
    var specification = S()
    change(&specification)
    return try #require(try specification.makeIntegrand() as? FactorAnalysis)
  }

  static func wine(_ latent: Int) throws -> FactorAnalysis {
    try all(LinearAutoencoder.self) {
      ($0.dataset.data, $0.dataset.standardize, $0.options.latent) = ("wine", true, latent)
    }
  }

  @Test(arguments: cases) func valuesAndGradients(_ c: Case) throws {
    let model = try c.datum(), parts = Parts(model)
    try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 5) { [parts.logLikelihood(model.x, $0)] }
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 5) { z in z.map { logNormal($0, 0, 1) } }
  }

  @Test(arguments: cases) func moments(_ c: Case) throws {
    let model = try c.datum()
    let mean = try normals(3, c.latent), scale = try normals(4, c.latent).map { exp(0.3 * $0) }
    for term in [Term.prior, .likelihood] { try checkMomentsByDraws(term, of: model, mean: mean, scale: scale) }
    try checkCovarianceMoments(of: model, mean: mean)
  }

  @Test(arguments: cases) func evidenceAndPosterior(_ c: Case) throws {
    let model = try c.datum(), evidence = try #require(model.logEvidence), wanted = Parts(model).logEvidence(model.x)
    #expect(abs(evidence - wanted) < 1e-11 * (1 + abs(wanted)), "\(evidence) instead of \(wanted)")
    // log p(x, z) − log p(z | x) is log p(x) whatever z.
    let posterior = try #require(model.namedDistributions["posterior"] as? MultivariateNormal)
    for index in 0..<4 {
      let z = try normals(UInt(10 + index), c.latent)
      let joint = z.reduce(Parts(model).logLikelihood(model.x, z)) { $0 + logNormal($1, 0, 1) }
      #expect(abs(joint - logDensity(posterior, z) - evidence) < 1e-11 * (1 + abs(joint)))
    }
  }

  /// θ's gradient at draws is the derivative of the value there.
  @Test(arguments: cases) func gradientInTheParameters(_ c: Case) throws {
    let model = try c.datum(), (samples, lanes) = (2, 3), theta = model.modelParameters
    let z = try normals(5, samples * c.latent * lanes), weights = try normals(6, samples * lanes)
    var block = DrawBlock(
      shape: Shape(samples: samples, dimension: c.latent, parameters: 1, lanes: lanes), parameters: [0])
    block.draws.z = z
    block.evaluate(model.modelGradientQuantities, of: try EvaluationOnly.problem(model))
    var found = [Double](repeating: 0, count: theta.count * lanes), span = found.mutableSpan
    model.addModelGradient(weights: weights.span, at: block.draws, block.evaluation, into: &span)
    for q in theta.indices {
      for lane in 0..<lanes {
        let wanted = derivative(at: theta[q]) { moved in
          var theta = theta
          theta[q] = moved
          let parts = Parts(model.with(modelParameters: theta))
          return (0..<samples).reduce(0.0) { sum, k in
            let point = (0..<c.latent).map { z[(k * c.latent + $0) * lanes + lane] }
            return sum + weights[k * lanes + lane] * parts.logLikelihood(model.x, point)
          }
        }
        #expect(largestError([found[q * lanes + lane]], [wanted]) < 1e-8, "θ_\(q), lane \(lane)")
      }
    }
  }

  /// A lane is a datum: each has what the model of it alone has, to the bit, and totals are the sums over lanes.
  @Test(arguments: [true, false]) func lanesAreData(_ sharesNoise: Bool) throws {
    let all =
      try sharesNoise
      ? Self.all(LinearAutoencoder.self) { $0.options.latent = 3 }
      : Self.all(FactorAnalyzer.self) { $0.options.latent = 3 }
    let indices: [Int32] = [0, 149, 77, 3, 3, 50, 101], (k, d, samples, lanes) = (3, 4, 2, 7)
    let q = all.modelParameters.count, needed = Quantities(values: .likelihood, gradients: .likelihood)
    let z = try normals(8, samples * k * lanes), weights = try normals(9, samples * lanes)
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 1)
    var block = DrawBlock(shape: Shape(samples: samples, dimension: k, parameters: 1, lanes: lanes), parameters: [0])
    block.draws.z = z
    block.draws.dataIndices = indices
    var x = [Double](repeating: 0, count: d * lanes), room = x.mutableSpan
    all.storeObservations(of: .training, indices, random: &random, into: &room)
    block.draws.observations = x
    block.evaluate(needed, of: try EvaluationOnly.problem(all))
    var rows = [Double](repeating: 0, count: q * lanes), total = [Double](repeating: 0, count: q)
    var span = rows.mutableSpan, sum = total.mutableSpan
    all.addModelGradient(weights: weights.span, at: block.draws, block.evaluation, into: &span)
    all.addTotalModelGradient(weights: weights.span, factor: 0.3, at: block.draws, block.evaluation, into: &sum)
    for lane in 0..<lanes {
      let one = all.datum((0..<d).map { x[$0 * lanes + lane] })
      let model = try #require(one as? FactorAnalysisDatum)
      var own = DrawBlock(shape: Shape(samples: samples, dimension: k, parameters: 1, lanes: 1), parameters: [0])
      own.draws.z = (0..<samples * k).map { z[$0 * lanes + lane] }
      own.evaluate(needed, of: try EvaluationOnly.problem(model))
      let values = own.evaluation.values(of: .likelihood), gradient = own.evaluation.gradient(of: .likelihood)
      let allValues = block.evaluation.values(of: .likelihood), allGradient = block.evaluation.gradient(of: .likelihood)
      for s in 0..<samples { #expect(values[s] == allValues[s * lanes + lane]) }
      for i in 0..<samples * k { #expect(gradient[i] == allGradient[i * lanes + lane]) }
      var slopes = [Double](repeating: 0, count: q), ownSpan = slopes.mutableSpan
      let ownWeights = (0..<samples).map { weights[$0 * lanes + lane] }
      model.addModelGradient(weights: ownWeights.span, at: own.draws, own.evaluation, into: &ownSpan)
      for i in 0..<q { #expect(slopes[i] == rows[i * lanes + lane]) }
    }
    let sums = (0..<q).map { i in 0.3 * rows[i * lanes..<(i + 1) * lanes].reduce(0, +) }
    #expect(largestError(total, sums) < 1e-13)
  }

  /// ∇_θ of the exact ELBO is the derivative of its value, under every family that is normal, and of `gaussian` too.
  @Test(arguments: cases) func exactGradientInTheParameters(_ c: Case) throws {
    try Self.checkExactGradient(try c.datum())
  }

  @Test func exactGradientOfGaussian() throws {
    var gaussian = GaussianModel()
    (gaussian.dimensionOption, gaussian.x, gaussian.correlation) = (2, [1, -0.5], 0.4)
    (gaussian.priorMean, gaussian.learned) = ([0.3, -0.2], .priorMean)
    try Self.checkExactGradient(try #require(try gaussian.makeIntegrand() as? GaussianModel))
  }

  static func checkExactGradient<M: LearnableModel>(_ model: M) throws {
    let d = model.dimension, theta = model.modelParameters, terms: Terms = [.prior, .likelihood, .entropy]
    let families: [any VariationalFamily] = [
      MeanFieldNormal(dimension: d), FullRankNormal(dimension: d), LowRankNormal(dimension: d, rank: 1),
    ]
    for family in families {
      let lambda = try normals(12, family.parameterCount).map { 0.4 * $0 }
      let exact = try #require(family.exactExpectation(of: terms, for: model, parameters: lambda))
      let wanted = theta.indices.map { q in
        derivative(at: theta[q]) { moved in
          var theta = theta
          theta[q] = moved
          let other = model.with(modelParameters: theta)
          return family.exactExpectation(of: terms, for: other, parameters: lambda)?.value ?? .nan
        }
      }
      #expect(largestError(try #require(exact.modelGradient), wanted) < 1e-8, "\(family)")
      let without = try #require(family.exactExpectation(of: [.prior, .entropy], for: model, parameters: lambda))
      #expect(without.modelGradient == nil)
    }
  }

  /// The greatest mean log likelihood of a datum: of iris as it is, of wine standardised.
  @Test(arguments: [
    ("iris", 1, -3.13779639), ("iris", 2, -2.69975187), ("iris", 3, -2.53276420), ("wine", 1, -17.00446677),
    ("wine", 2, -16.15525989), ("wine", 3, -15.70179197), ("wine", 5, -15.21264511), ("wine", 10, -14.68799985),
  ])
  func maximumOfOneNoise(_ data: String, _ latent: Int, _ known: Double) throws {
    let start =
      data == "wine" ? try Self.wine(latent) : try Self.all(LinearAutoencoder.self) { $0.options.latent = latent }
    let maximum = try #require(start.maximumLogLikelihood), best = try #require(start.atMaximumLikelihood)
    let there = try #require(best.logLikelihood(of: .training)),
      before = try #require(start.logLikelihood(of: .training))
    #expect(abs(maximum - known) < 1e-7)
    #expect(abs(there - maximum) < 1e-11)
    #expect(before < maximum - 0.1)
    // Held to the whole covariance.
    let parts = Parts(best), d = best.observationDimension, x = best.data.training.values
    let dense = (0..<best.dataCount(.training)).reduce(0.0) { $0 + parts.logEvidence(Array(x[$1 * d..<($1 + 1) * d])) }
    #expect(abs(dense / Double(best.dataCount(.training)) - there) < 1e-10)
    #expect(best.logLikelihood(of: .test) == nil)
  }

  /// At the maximum no gradient in θ is left where q(z_n) is the posterior, and the ELBO is log p(x_n); and it is the greatest
  /// of all θ nearby.
  @Test(arguments: [("iris", 2), ("wine", 3)]) func atTheMaximum(_ data: String, _ latent: Int) throws {
    let start =
      data == "wine" ? try Self.wine(latent) : try Self.all(LinearAutoencoder.self) { $0.options.latent = latent }
    let best = try #require(start.atMaximumLikelihood), d = best.observationDimension
    let count = best.dataCount(.training), terms: Terms = [.prior, .likelihood, .entropy]
    let full = FullRankNormal(dimension: latent), meanField = MeanFieldNormal(dimension: latent)
    var gradient = [Double](repeating: 0, count: best.modelParameters.count), sizes = gradient, bound = 0.0
    for n in 0..<count {
      let model = best.datum(Array(best.data.training.values[n * d..<(n + 1) * d]))
      let posterior = try #require(model.namedDistributions["posterior"] as? MultivariateNormal)
      let lambda = try #require(full.parameters(of: posterior))
      let exact = try #require(full.exactExpectation(of: terms, for: model, parameters: lambda))
      let evidence = try #require(model.logEvidence)
      #expect(abs(exact.value - evidence) < 1e-11 * (1 + abs(evidence)))
      #expect(exact.gradient.allSatisfy { abs($0) < 1e-9 })
      for (q, slope) in try #require(exact.modelGradient).enumerated() {
        gradient[q] += slope
        sizes[q] += abs(slope)
      }
      // In these axes the posterior is a mean-field normal, but for rounding.
      let diagonal = DiagonalNormal(
        mean: posterior.mean, precision: (0..<latent).map { posterior.precision[$0 * (latent + 1)] })
      let independent = try #require(meanField.parameters(of: diagonal))
      let value = try #require(meanField.exactExpectation(of: terms, for: model, parameters: independent)).value
      bound += value / Double(count)
    }
    for q in gradient.indices { #expect(abs(gradient[q]) < 1e-11 * sizes[q] + 1e-9, "θ_\(q)") }
    let maximum = try #require(best.maximumLogLikelihood)
    #expect(abs(bound - maximum) < 1e-10)
    for index in 0..<20 {
      let step = try normals(UInt(100 + index), gradient.count)
      let moved = best.with(modelParameters: zip(best.modelParameters, step).map { $0 + 0.01 * $1 })
      #expect(try #require(moved.logLikelihood(of: .training)) < maximum)
    }
  }

  /// With as many latents as there is room for, the likelihood is that of any covariance; no bound where the data lie in a plane.
  @Test func manyLatents() throws {
    let most = try Self.all(LinearAutoencoder.self) { $0.options.latent = 3 }
    for latent in [4, 7] {
      let more = try Self.all(LinearAutoencoder.self) { $0.options.latent = latent }
      let found = try #require(more.maximumLogLikelihood), wanted = try #require(most.maximumLogLikelihood)
      let there = try #require(more.atMaximumLikelihood?.logLikelihood(of: .training))
      #expect(abs(found - wanted) < 1e-12 && abs(there - wanted) < 1e-11)
    }
    let plane = try TemporaryFile("a,b,c\n1,2,3\n3,4,7\n5,7,12\n2,2,4\n")
    let flat = try Self.all(LinearAutoencoder.self) {
      ($0.dataset.data, $0.options.latent, $0.options.minibatch) = (plane.path, 2, 4)
    }
    #expect(flat.maximumLogLikelihood == nil && flat.atMaximumLikelihood == nil)
    #expect(try Self.all(FactorAnalyzer.self).maximumLogLikelihood == nil)
  }

  /// A σ for each column can do what one σ can.
  @Test func factorAnalysisContainsPrincipalComponents() throws {
    let best = try #require(try Self.wine(2).atMaximumLikelihood)
    let analysis = try Self.all(FactorAnalyzer.self) { ($0.dataset.data, $0.dataset.standardize) = ("wine", true) }
    let theta = best.modelParameters
    let same = analysis.with(modelParameters: theta.dropLast() + Array(repeating: theta[theta.count - 1], count: 13))
    let a = try #require(same.logLikelihood(of: .training)), b = try #require(best.logLikelihood(of: .training))
    #expect(abs(a - b) < 1e-12)
  }

  /// Mean and standard deviation of the columns, whatever their units.
  @Test func whereTrainingStarts() throws {
    for sharesNoise in [true, false] {
      func start(_ values: [Double]) throws -> LinearDecoder {
        var random = try RandomStream(try #require(Generator.named("mt19937")), index: 5)
        return LinearDecoder(
          of: Dataset(source: "", dimension: 2, values: values), latent: 3, sharesNoise: sharesNoise, random: &random)
      }
      let plain = try start([1, -1, -1, 1, 1, 1, -1, -1]), moved = try start([13, 6, 7, 8, 13, 8, 7, 6])
      #expect(largestError(Array(plain.parameters[6...]), sharesNoise ? [0, 0, 0] : [0, 0, 0, 0]) < 1e-15)
      #expect(plain.parameters[..<6].allSatisfy { abs($0) < (6.0 / 5).squareRoot() && $0 != 0 })
      let noise: [Double] = sharesNoise ? [0.5 * Foundation.log(5.0)] : [Foundation.log(3.0), 0]
      #expect(largestError(Array(moved.parameters[6...]), [10, 7] + noise) < 1e-14)
      for j in 0..<3 {
        #expect(abs(moved.parameters[j] - 3 * plain.parameters[j]) < 1e-14)
        #expect(abs(moved.parameters[3 + j] - plain.parameters[3 + j]) < 1e-14)
      }
      // A column that does not vary has no scale of its own.
      #expect(try start([1, 4, 2, 4]).parameters.allSatisfy(\.isFinite))
    }
  }

  /// E[x | z] = W z + μ.
  /// A linear encoder starts at the same λ of a datum whatever units and origin the columns are given in.
  @Test func whereTheEncoderStarts() throws {
    let plain = try TemporaryFile("a,b,c\n1,2,3\n3,4,7\n5,7,12\n2,2,4\n")
    let scaled = try TemporaryFile("a,b,c\n1010,0.02,303\n1030,0.04,307\n1050,0.07,312\n1020,0.02,304\n")
    func start(_ file: TemporaryFile) throws -> [Double] {
      var specification = FactorAnalyzer()
      (specification.dataset.data, specification.dataset.testShare) = (file.path, 0)
      specification.options.minibatch = 4
      let model = try #require(try specification.makeIntegrand() as? any LocalLatentModel)
      var random = try RandomStream(try #require(Generator.named("mt19937")), index: 1)
      let network = model.inferenceNetwork(initial: [0.5, -0.5, 0.25, 0])
      let phi = network.initialParameters(random: &random)
      var draws = Draws(
        shape: Shape(samples: 1, dimension: 2, parameters: 4, lanes: 4), parameters: Array(repeating: 0, count: 16))
      draws.observations = Array(repeating: 0, count: 12)
      var span = draws.observations.mutableSpan
      model.storeObservations(of: .training, [0, 1, 2, 3], random: &random, into: &span)
      var tape = [Double](repeating: 0, count: network.tapeCount(lanes: 4))
      network.encode(phi, tape: &tape, into: &draws)
      return draws.parameters
    }
    let a = try start(plain), b = try start(scaled)
    for (a, b) in zip(a, b) { #expect(abs(a - b) < 1e-10) }
    #expect(a.contains { abs($0 - a[0]) > 0.01 })
  }

  @Test func meanObservations() throws {
    let model = try Self.all(FactorAnalyzer.self), parts = Parts(model), z = try normals(30, 2 * 5)
    let found = model.meanObservations(at: z, lanes: 5)
    for i in 0..<4 {
      for lane in 0..<5 {
        let wanted = parts.mean[i] + parts.weights[i][0] * z[lane] + parts.weights[i][1] * z[5 + lane]
        #expect(abs(found[i * 5 + lane] - wanted) < 1e-14)
      }
    }
  }

  /// λ = V x + c, and free λ.
  @Test func inference() throws {
    let model = try Self.all(LinearAutoencoder.self), initial = [0.1, 0.2, 0.3, 0.4]
    let encoder = model.inferenceNetwork(initial: initial)
    #expect(encoder.generalizes && encoder.parameterCount == 4 * 4 + 4)
    let free = try Self.all(LinearAutoencoder.self) { $0.options.isAmortised = false }
    #expect(free.inferenceNetwork(initial: initial).parameterCount == 150 * 4)
    let phi = try normals(20, 20), x = try normals(21, 4)
    var draws = Draws(shape: Shape(samples: 1, dimension: 2, parameters: 4, lanes: 1), parameters: [0, 0, 0, 0])
    draws.observations = x
    var tape = [Double](repeating: 0, count: encoder.tapeCount(lanes: 1))
    encoder.encode(phi, tape: &tape, into: &draws)
    var wanted = Array(phi[16...])
    for p in 0..<4 { for i in 0..<4 { wanted[p] += phi[4 * p + i] * x[i] } }
    #expect(largestError(draws.parameters, wanted) < 1e-14)
  }

  @Test func faults() throws {
    func fault(_ change: (inout FactorAnalyzer) -> Void) -> ComponentError? {
      #expect(throws: ComponentError.self) {
        var specification = FactorAnalyzer()
        change(&specification)
        try specification.check()
        _ = try specification.makeIntegrand()
      }
    }
    #expect(
      fault { $0.options.datum = 151 } == ComponentError(option: "datum", "is 151, and the data have 150 rows"))
    #expect(
      fault { $0.options.minibatch = 151 }
        == ComponentError(option: "minibatch", "is 151, and there are 150 data to train on"))
    #expect(fault { ($0.dataset.pixels, $0.options.datum) = (.dynamic, 1) }?.option == "datum")
    #expect(fault { ($0.dataset.pixels, $0.options.isAmortised) = (.dynamic, false) }?.option == "amortised")
    #expect(fault { $0.dataset.pixels = .fixed }?.option == "pixels")
  }
}
