import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing
import VariationalFamilies

/// The mixture of normals of a data set.
@Suite struct MixtureModelTests {
  static let covariances = MixtureModelSpecification.Covariance.allCases

  static func stream(_ index: Int) throws -> RandomStream {
    try RandomStream(try #require(Generator.named("mt19937")), index: UInt(index))
  }

  static func model(_ change: (inout MixtureModelSpecification) -> Void = { _ in }) throws -> MixtureModel {
    var specification = MixtureModelSpecification()
    change(&specification)
    return try #require(try specification.makeIntegrand() as? MixtureModel)
  }

  /// Arbitrary components of dimension 3.
  static func components(_ covariance: MixtureModelSpecification.Covariance, count: Int = 4) throws -> MixtureComponents
  {
    let numbers = count * (1 + 3 + (covariance == .spherical ? 1 : 3) + (covariance == .full ? 3 : 0))
    return MixtureComponents(
      count: count, dimension: 3, covariance: covariance,
      parameters: try normals(120, numbers).map { 0.6 * $0 })
  }

  /// Shares, means and covariances, read from θ as its blocks say.
  struct Parts {
    let shares: [Double]
    let means: [[Double]]
    let covariances: [Dense]

    init(_ model: any LearnableModel) {
      let blocks = model.modelParameterBlocks, theta = model.modelParameters
      func block(_ name: String) -> [Double] {
        blocks.first { $0.name == name }.map { Array(theta[$0.range]) } ?? []
      }
      let logits = block("logit"), mean = block("mean"), scale = block("log_scale"), below = block("off_diagonal")
      let count = logits.count, d = mean.count / count
      let total = logits.reduce(0) { $0 + exp($1) }
      shares = logits.map { exp($0) / total }
      means = (0..<count).map { Array(mean[$0 * d..<($0 + 1) * d]) }
      covariances = (0..<count).map { c in
        func lower(_ i: Int, _ j: Int) -> Double {
          if i == j { return exp(scale.count == count ? scale[c] : scale[c * d + i]) }
          return j < i && !below.isEmpty ? below[c * d * (d - 1) / 2 + i * (i - 1) / 2 + j] : 0
        }
        return Dense(d) { i, j in (0..<d).reduce(0) { $0 + lower(i, $1) * lower(j, $1) } }
      }
    }

    func logLikelihood(_ c: Int, _ x: [Double]) -> Double {
      covariances[c].logNormal(zip(x, means[c]).map { $0 - $1 })
    }
    /// log Σ_c π_c N(x; μ_c, Σ_c), as it stands.
    func logEvidence(_ x: [Double]) -> Double {
      log(shares.indices.reduce(0) { $0 + shares[$1] * exp(logLikelihood($1, x)) })
    }
  }

  @Test(arguments: covariances) func valuesAndGradients(_ covariance: MixtureModelSpecification.Covariance) throws {
    let model = MixtureDatum(components: try Self.components(covariance), x: [0.4, -1.1, 0.3]), parts = Parts(model)
    try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 3) { z in
      [z.indices.reduce(0.0) { $0 + z[$1] * parts.logLikelihood($1, model.x) }]
    }
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 3) { z in
      [z.indices.reduce(0.0) { $0 + z[$1] * log(parts.shares[$1]) }]
    }
    let evidence = try #require(model.logEvidence)
    #expect(abs(evidence - parts.logEvidence(model.x)) < 1e-13 * (1 + abs(evidence)))
  }

  /// At the posterior the ELBO is log p(x), and its gradient in θ that of log p(x).
  @Test(arguments: covariances) func posterior(_ covariance: MixtureModelSpecification.Covariance) throws {
    let model = MixtureDatum(components: try Self.components(covariance), x: [0.4, -1.1, 0.3])
    let family = MeanFieldCategorical(dimension: 4, categories: 4)
    let lambda = try #require(model.namedDistributions["posterior"].flatMap { family.parameters(of: $0) })
    let exact = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: model, parameters: lambda))
    #expect(try abs(exact.value - #require(model.logEvidence)) < 1e-13)
    #expect(exact.gradient.allSatisfy { abs($0) < 1e-14 })
    let found = try #require(exact.modelGradient), theta = model.modelParameters
    let wanted = theta.indices.map { q in
      derivative(at: theta[q]) { moved in
        var theta = theta
        theta[q] = moved
        return Parts(model.with(modelParameters: theta)).logEvidence(model.x)
      }
    }
    #expect(largestError(found, wanted) < 1e-8)
  }

  /// A lane is a datum: each has what the model of it alone has, and totals are the sums over lanes; between the states too.
  @Test(arguments: covariances) func lanesAreData(_ covariance: MixtureModelSpecification.Covariance) throws {
    let all = try Self.model { $0.covariance = covariance }
    let (c, d, samples) = (3, 4, 2), q = all.modelParameters.count
    for indices: [Int32] in [[0, 149, 77, 3, 3, 50, 101], [7]] {
      let lanes = indices.count, needed = Quantities(values: .likelihood, gradients: .likelihood)
      let z = try normals(8, samples * c * lanes).map { abs($0) }, weights = try normals(9, samples * lanes)
      var random = try Self.stream(1), x = [Double](repeating: 0, count: d * lanes), span = x.mutableSpan
      all.storeObservations(of: .training, indices, random: &random, into: &span)
      let shape = Shape(samples: samples, dimension: c, parameters: 1, lanes: lanes)
      var block = DrawBlock(shape: shape, parameters: [0])
      (block.draws.z, block.draws.observations) = (z, x)
      block.evaluate(needed, of: try EvaluationOnly.problem(all))
      var gradients = [Double](repeating: 0, count: q * lanes), rows = gradients.mutableSpan
      all.addModelGradient(weights: weights.span, at: block.draws, block.evaluation, into: &rows)
      var total = [Double](repeating: 0, count: q), sum = total.mutableSpan
      all.addTotalModelGradient(weights: weights.span, factor: 0.3, at: block.draws, block.evaluation, into: &sum)
      let totals = (0..<q).map { p in 0.3 * (0..<lanes).reduce(0.0) { $0 + gradients[p * lanes + $1] } }
      #expect(largestError(total, totals) < 1e-12)
      for lane in 0..<lanes {
        let one = try #require(all.datum((0..<d).map { x[$0 * lanes + lane] }) as? MixtureDatum)
        var alone = DrawBlock(
          shape: Shape(samples: samples, dimension: c, parameters: 1, lanes: 1), parameters: [0])
        alone.draws.z = (0..<samples * c).map { z[$0 * lanes + lane] }
        alone.evaluate(needed, of: try EvaluationOnly.problem(one))
        let own = (0..<samples).map { weights[$0 * lanes + lane] }
        var gradient = [Double](repeating: 0, count: q), room = gradient.mutableSpan
        one.addModelGradient(weights: own.span, at: alone.draws, alone.evaluation, into: &room)
        #expect(gradient == (0..<q).map { gradients[$0 * lanes + lane] })
        let values = block.evaluation.values(of: .likelihood), slopes = block.evaluation.gradient(of: .likelihood)
        #expect(
          largestError(
            alone.evaluation.values(of: .likelihood), (0..<samples).map { values[$0 * lanes + lane] }) < 1e-14)
        #expect(
          alone.evaluation.gradient(of: .likelihood) == (0..<samples * c).map { slopes[$0 * lanes + lane] })
      }
    }
  }

  @Test(arguments: covariances) func likelihood(_ covariance: MixtureModelSpecification.Covariance) throws {
    let model = try Self.model { ($0.covariance, $0.dataset.testShare) = (covariance, 0.2) }, parts = Parts(model)
    for (part, data) in [(DataPart.training, model.data.training), (.test, model.data.test)] {
      let wanted = (0..<data.count).reduce(0.0) {
        $0 + parts.logEvidence(Array(data.values[$1 * 4..<($1 + 1) * 4])) / Double(data.count)
      }
      let found = try #require(model.logLikelihood(of: part))
      #expect(abs(found - wanted) < 1e-12 * (1 + abs(wanted)))
      #expect(model.bound(.factorized, of: part) == found)
    }
    #expect(model.maximumLogLikelihood == nil && model.atMaximumLikelihood == nil)
    #expect(try Self.model { $0.components = 2 }.logLikelihood(of: .test) == nil)
  }

  // MARK: Expectation maximisation

  struct Case: Sendable, CustomTestStringConvertible {
    let data: String
    let components: Int
    let covariance: MixtureModelSpecification.Covariance
    var leastScale = 1e-3
    var testDescription: String { "\(data), C \(components), \(covariance), min_scale \(leastScale)" }

    func starts(_ count: Int = 3) throws -> [MixtureModel] {
      let model = try MixtureModelTests.model {
        ($0.dataset.data, $0.dataset.standardize) = (data, data == "wine")
        ($0.components, $0.covariance, $0.leastScale) = (components, covariance, leastScale)
      }
      return try (0..<count).map { index in
        var random = try stream(index)
        return model.initialized(random: &random)
      }
    }
  }

  static let cases =
    covariances.flatMap { covariance in
      [("iris", 2), ("iris", 4), ("wine", 3)].map { Case(data: $0, components: $1, covariance: covariance) }
    } + covariances.map { Case(data: "iris", components: 5, covariance: $0, leastScale: 0.25) }

  /// From any start the likelihood does not fall; no direction of a component is narrower than it may be.
  @Test(arguments: cases) func everyIterationRises(_ c: Case) throws {
    for start in try c.starts() {
      var (model, before) = (start, -Double.infinity)
      for iteration in 0..<200 {
        let (next, bound) = try #require(model.maximized(iteration % 2 == 0 ? .exact : .factorized))
        #expect(bound == model.logLikelihood(of: .training))
        #expect(bound >= before - 1e-12 * (1 + abs(bound)), "iteration \(iteration)")
        (model, before) = (next, bound)
      }
      let parts = Parts(model), d = model.observationDimension
      for covariance in parts.covariances {
        let found = try #require(EigenDecomposition(covariance.rows.flatMap { $0 }, dimension: d))
        #expect((found.values.last ?? 0).squareRoot() > c.leastScale * (1 - 1e-9))
      }
      #expect(abs(parts.shares.reduce(0, +) - 1) < 1e-14)
    }
  }

  /// Where it ends, away from `min_scale`, the gradient of the likelihood is zero.
  @Test(arguments: covariances) func stationary(_ covariance: MixtureModelSpecification.Covariance) throws {
    var model = try #require(try Case(data: "iris", components: 2, covariance: covariance).starts().first)
    let before = try #require(model.logLikelihood(of: .training))
    for _ in 0..<3000 { model = try #require(model.maximized(.exact)).model }
    #expect(try #require(model.logLikelihood(of: .training)) > before + 0.5)
    let theta = model.modelParameters
    for q in theta.indices {
      let slope = derivative(at: 0) { step in
        var moved = theta
        moved[q] += 0.1 * step
        return model.with(modelParameters: moved).logLikelihood(of: .training) ?? .nan
      }
      #expect(abs(slope) < 1e-7, "θ_\(q)")
    }
  }

  /// From the species as components: the likelihoods that mclust has for iris (model VVV, by its BIC −574.0178 of 2 components
  /// and −580.8396 of 3, of 29 and 44 parameters).
  @Test(arguments: [(2, -574.0178), (3, -580.8396)]) func irisAsElsewhere(_ count: Int, _ criterion: Double) throws {
    var model = try Self.model { $0.components = count }
    let data = model.data.training, labels = try #require(data.labels)
    let shares = (0..<count).flatMap { c in labels.map { min($0, count - 1) == c ? 1.0 : 0 } }
    let start = try #require(model.components.maximizer(of: data, shares, leastScale: 1e-3))
    model = model.with(modelParameters: start)
    for _ in 0..<2000 { model = try #require(model.maximized(.exact)).model }
    let parameters = Double(model.modelParameters.count - 1)
    let found = try 2 * 150 * #require(model.logLikelihood(of: .training)) - parameters * log(150)
    #expect(abs(found - criterion) < 0.01, "\(found)")
  }

  /// The M-step is the greatest of Σ_n E_{q_n} log p_θ'(x_n, z_n) in θ': nothing is left of its gradient.
  @Test(arguments: covariances) func theMaximizationStepIsOptimal(_ covariance: MixtureModelSpecification.Covariance)
    throws
  {
    let start = try #require(try Case(data: "wine", components: 3, covariance: covariance).starts().last)
    let next = try #require(start.maximized(.exact)).model, family = MeanFieldCategorical(dimension: 3, categories: 3)
    let x = start.data.training.values, d = start.observationDimension
    var gradient = [Double](repeating: 0, count: start.modelParameters.count), sizes = gradient
    for n in 0..<start.dataCount(.training) {
      let own = Array(x[n * d..<(n + 1) * d])
      let posterior = try #require(start.datum(own).namedDistributions["posterior"])
      let lambda = try #require(family.parameters(of: posterior))
      let exact = try #require(
        family.exactExpectation(of: [.prior, .likelihood], for: next.datum(own), parameters: lambda))
      for (q, slope) in try #require(exact.modelGradient).enumerated() {
        gradient[q] += slope
        sizes[q] += abs(slope)
      }
    }
    for q in gradient.indices { #expect(abs(gradient[q]) < 1e-10 * sizes[q] + 1e-9, "θ_\(q)") }
  }

  /// The greatest normal likelihood of covariances with eigenvalues of at least `min_scale`²: by hand, of one component's shares.
  @Test func leastScale() throws {
    let data = Dataset(source: "", dimension: 2, values: [2, 2.1, -2, -2.1, 1, 1, -1, -1])
    let start = MixtureComponents(
      count: 2, dimension: 2, covariance: .full, parameters: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    let theta = try #require(start.maximizer(of: data, [Double](repeating: 0.5, count: 8), leastScale: 0.3))
    let fitted = Parts(MixtureDatum(components: start.with(parameters: theta), x: [0, 0])).covariances[0]
    let scatter = Dense(2) { i, j in
      (0..<4).reduce(0.0) { $0 + data.values[2 * $1 + i] * data.values[2 * $1 + j] / 4 }
    }
    let (a, b, c) = (scatter.rows[0][0], scatter.rows[0][1], scatter.rows[1][1])
    let root = (0.25 * (a - c) * (a - c) + b * b).squareRoot(), top = 0.5 * (a + c) + root
    #expect(0.5 * (a + c) - root < 0.09)
    // u uᵀ of the longer axis from (S − λ₂ I)/(λ₁ − λ₂).
    let low = 0.5 * (a + c) - root
    for i in 0..<2 {
      for j in 0..<2 {
        let share = (scatter.rows[i][j] - (i == j ? low : 0)) / (top - low)
        #expect(abs(fitted.rows[i][j] - (top * share + 0.09 * ((i == j ? 1 : 0) - share))) < 1e-12)
      }
    }
  }

  /// Data of one value: no variance, unless `min_scale` gives it one; and no data at all.
  @Test(arguments: covariances) func collapse(_ covariance: MixtureModelSpecification.Covariance) throws {
    let file = try TemporaryFile("a,b\n" + String(repeating: "1,2\n", count: 6))
    func model(_ least: Double) throws -> MixtureModel {
      try Self.model {
        ($0.dataset.data, $0.components, $0.minibatch) = (file.path, 2, 6)
        ($0.covariance, $0.leastScale) = (covariance, least)
      }
    }
    #expect(try model(0).maximized(.exact) == nil)
    let next = try #require(try model(0.5).maximized(.exact)).model
    let wanted = 2 * logNormal(0, 0, 0.5)
    #expect(try abs(#require(next.logLikelihood(of: .training)) - wanted) < 1e-12)
    // A component so far from all data that none is its.
    var theta = try model(0.5).modelParameters
    for i in 2..<4 { theta[i] = 1e8 }
    #expect(try model(0.5).with(modelParameters: theta).maximized(.exact) == nil)
  }

  // MARK: Draws

  /// Shares of z, and mean and covariance of x given each z, within 5 standard errors: about 40 comparisons, family-wise
  /// below 1e-4.
  @Test(arguments: covariances) func draws(_ covariance: MixtureModelSpecification.Covariance) throws {
    let model = try Self.model { ($0.covariance, $0.components) = (covariance, 3) }
    var theta = model.modelParameters
    for (q, step) in try normals(125, theta.count).enumerated() { theta[q] += 0.5 * step }
    let moved = model.with(modelParameters: theta), parts = Parts(moved), count = 30_000
    var random = try Self.stream(3)
    let z = moved.priorDraws(lanes: count, random: &random)
    let means = moved.meanObservations(at: z, lanes: count)
    let x = moved.observationDraws(at: z, lanes: count, random: &random)
    for c in 0..<3 {
      let own = (0..<count).filter { z[c * count + $0] == 1 }, share = parts.shares[c], n = Double(own.count)
      #expect(abs(n / Double(count) - share) < 5 * (share * (1 - share) / Double(count)).squareRoot())
      #expect(own.allSatisfy { lane in (0..<4).allSatisfy { means[$0 * count + lane] == parts.means[c][$0] } })
      for i in 0..<4 {
        let variance = parts.covariances[c].rows[i][i]
        let mean = own.reduce(0.0) { $0 + x[i * count + $1] } / n
        #expect(abs(mean - parts.means[c][i]) < 5 * (variance / n).squareRoot())
        for j in 0...i {
          let cross = parts.covariances[c].rows[i][j], other = parts.covariances[c].rows[j][j]
          let found = own.reduce(0.0) {
            $0 + (x[i * count + $1] - parts.means[c][i]) * (x[j * count + $1] - parts.means[c][j]) / n
          }
          #expect(abs(found - cross) < 5 * ((variance * other + cross * cross) / n).squareRoot())
        }
      }
    }
    #expect((0..<count).allSatisfy { lane in (0..<3).reduce(0.0) { $0 + z[$1 * count + lane] } == 1 })
  }

  /// Means at different data, scales of all of them, and no less than the least.
  @Test(arguments: covariances) func whereTrainingStarts(_ covariance: MixtureModelSpecification.Covariance) throws {
    let model = try Self.model { ($0.covariance, $0.leastScale) = (covariance, 0.6) }, parts = Parts(model)
    let x = model.data.training.values, variance = model.data.training.meanAndVariance.variance
    let rows = (0..<150).map { Array(x[$0 * 4..<($0 + 1) * 4]) }
    #expect(parts.means.allSatisfy { rows.contains($0) } && Set(parts.means).count == 3)
    let kept = covariance == .spherical ? variance.map { _ in variance.reduce(0, +) / 4 } : variance
    for c in 0..<3 {
      for i in 0..<4 {
        for j in 0..<4 {
          #expect(abs(parts.covariances[c].rows[i][j] - (i == j ? max(kept[i], 0.36) : 0)) < 1e-14)
        }
      }
    }
    var one = try Self.stream(5), other = try Self.stream(6)
    #expect(model.initialized(random: &one).modelParameters != model.initialized(random: &other).modelParameters)
  }

  @Test func faults() throws {
    func fault(_ change: (inout MixtureModelSpecification) -> Void) -> ComponentError? {
      #expect(throws: ComponentError.self) {
        var specification = MixtureModelSpecification()
        change(&specification)
        try specification.check()
        _ = try specification.makeIntegrand()
      }
    }
    #expect(
      fault { $0.components = 151 }
        == ComponentError(option: "components", "is 151, and there are 150 data to train on"))
    #expect(fault { $0.datum = 151 } == ComponentError(option: "datum", "is 151, and the data have 150 rows"))
    #expect(fault { $0.minibatch = 151 }?.option == "minibatch")
    #expect(fault { ($0.dataset.pixels, $0.datum) = (.dynamic, 1) }?.option == "datum")
    #expect(fault { ($0.dataset.pixels, $0.isAmortised) = (.dynamic, false) }?.option == "amortised")
  }
}
