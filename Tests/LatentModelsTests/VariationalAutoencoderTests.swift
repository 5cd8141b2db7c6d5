import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing

@Suite struct VariationalAutoencoderTests {
  typealias Specification = VariationalAutoencoderSpecification

  /// Four data of three numbers from 0 to 1, quarters.
  private static let data: [[Double]] = [[0, 1, 0.5], [1, 0.25, 0.75], [0.5, 0.5, 0], [0.25, 1, 1]]

  private func integrand(_ edit: (inout Specification) -> Void) throws -> any Integrand {
    let rows = Self.data.map { $0.map { "\($0)" }.joined(separator: ",") }
    let file = try TemporaryFile((["a,b,c"] + rows).joined(separator: "\n") + "\n")
    var specification = Specification()
    specification.dataset.data = file.path
    specification.dataset.testShare = 0
    (specification.latent, specification.hidden, specification.minibatch) = ("2", "3", 2)
    edit(&specification)
    if specification.likelihood == .categorical { specification.categories = 5 }
    return try specification.makeIntegrand()
  }

  /// The model of all data with θ away from its start.
  private func local(_ edit: (inout Specification) -> Void) throws -> any LocalLatentModel {
    let model: any LocalLatentModel = try #require(try integrand(edit) as? any LocalLatentModel)
    return try moved(model)
  }

  private func moved<M: LocalLatentModel>(_ model: M) throws -> any LocalLatentModel {
    let shifts = try normals(7, model.modelParameters.count)
    return model.with(modelParameters: zip(model.modelParameters, shifts).map { $0 + 0.3 * $1 })
  }

  /// A network of one hidden layer of tanh, by the names of its parameters.
  private func network(_ model: any LearnableModel, _ name: String, _ input: [Double]) throws -> [Double] {
    func block(_ suffix: String) throws -> ArraySlice<Double> {
      model.modelParameters[
        try #require(model.modelParameterBlocks.first { $0.name == "\(name)_\(suffix)" }).range]
    }
    func layer(_ l: Int, _ x: [Double]) throws -> [Double] {
      let weights = Array(try block("weights_\(l)")), biases = Array(try block("biases_\(l)"))
      return biases.indices.map { i in
        biases[i] + x.indices.reduce(0) { $0 + weights[i * x.count + $1] * x[$1] }
      }
    }
    return try layer(2, try layer(1, input).map { tanh($0) })
  }

  private func logNormal(_ x: Double, _ mean: Double, _ sigma: Double) -> Double {
    -0.5 * pow((x - mean) / sigma, 2) - log(sigma) - 0.5 * log(2 * Double.pi)
  }

  /// log p(x | o), in the terms of a textbook.
  private func logLikelihood(
    _ kind: Specification.LikelihoodKind, _ x: [Double], _ o: [Double], noise: Double, logSigma: Double
  ) -> Double {
    let d = x.count
    switch kind {
    case .bernoulli:
      return (0..<d).reduce(0) {
        let p = 1 / (1 + exp(-o[$1]))
        return $0 + x[$1] * log(p) + (1 - x[$1]) * log(1 - p)
      }
    case .normal: return (0..<d).reduce(0) { $0 + logNormal(x[$1], o[$1], noise) }
    case .sharedNormal: return (0..<d).reduce(0) { $0 + logNormal(x[$1], o[$1], exp(logSigma)) }
    case .diagonalNormal: return (0..<d).reduce(0) { $0 + logNormal(x[$1], o[$1], exp(o[d + $1])) }
    case .fullNormal:
      // The precision R Rᵀ itself, and its determinant by its leading minors' formula for 3 × 3.
      var root = [[Double]](repeating: [0, 0, 0], count: 3), at = 6
      for i in 0..<3 {
        for j in 0..<i {
          root[i][j] = o[at]
          at += 1
        }
        root[i][i] = exp(o[3 + i])
      }
      var p = root
      for i in 0..<3 { for j in 0..<3 { p[i][j] = (0..<3).reduce(0) { $0 + root[i][$1] * root[j][$1] } } }
      let first = p[0][0] * (p[1][1] * p[2][2] - p[1][2] * p[2][1])
      let second = p[0][1] * (p[1][0] * p[2][2] - p[1][2] * p[2][0])
      let third = p[0][2] * (p[1][0] * p[2][1] - p[1][1] * p[2][0])
      var square = 0.0
      for i in 0..<3 { for j in 0..<3 { square += (x[i] - o[i]) * p[i][j] * (x[j] - o[j]) } }
      return 0.5 * log(first - second + third) - 0.5 * square - 1.5 * log(2 * Double.pi)
    case .categorical:
      return (0..<d).reduce(0) { sum, i in
        let logits = o[i * 5..<i * 5 + 5].map { exp($0) }
        return sum + log(logits[Int(4 * x[i])] / logits.reduce(0, +))
      }
    }
  }

  private func logSigma(_ model: any LearnableModel) -> Double {
    guard let block = model.modelParameterBlocks.first(where: { $0.name == "log_noise" }) else { return 0 }
    return model.modelParameters[block.range.lowerBound]
  }

  /// Each likelihood's values against an independent formula, and their slopes in z against differences of it: of one datum,
  /// two draws in three lanes.
  @Test(arguments: Specification.LikelihoodKind.allCases)
  func likelihoods(_ kind: Specification.LikelihoodKind) throws {
    let model = try local {
      $0.likelihood = kind
      if kind == .normal { $0.noise = 0.7 }
    }
    for x in Self.data {
      let datum = model.datum(x)
      try checkEvaluation(.likelihood, of: datum, samples: 2, lanes: 3) { z in
        guard let o = try? network(model, "decoder", z) else { return [.nan] }
        return [logLikelihood(kind, x, o, noise: 0.7, logSigma: logSigma(model))]
      }
      try checkEvaluation(.prior, of: datum, samples: 2, lanes: 3) { z in z.map { logNormal($0, 0, 1) } }
    }
  }

  @Test func twoLayersOfLatents() throws {
    let model = try local { ($0.latent, $0.likelihood) = ("2x1", .diagonalNormal) }
    #expect(model.dimension == 3)
    let datum = model.datum(Self.data[1])
    try checkEvaluation(.likelihood, of: datum, samples: 2, lanes: 3) { z in
      guard let o = try? network(model, "decoder", Array(z[..<2])) else { return [.nan] }
      return [logLikelihood(.diagonalNormal, Self.data[1], o, noise: 1, logSigma: 0)]
    }
    try checkEvaluation(.prior, of: datum, samples: 2, lanes: 3) { z in
      guard let o = try? network(model, "prior", [z[2]]) else { return [.nan] }
      return [logNormal(z[2], 0, 1) + logNormal(z[0], o[0], exp(o[2])) + logNormal(z[1], o[1], exp(o[3]))]
    }
  }

  /// What a block holds of data, lane by lane, is what each datum's own model says; the prior of bits is fair.
  @Test func lanesAreData() throws {
    for (prior, kind) in [
      (Specification.PriorKind.normal, Specification.LikelihoodKind.fullNormal), (.bernoulli, .categorical),
    ] {
      let model = try local { ($0.prior, $0.likelihood) = (prior, kind) }
      let indices: [Int32] = [3, 0, 2], (samples, lanes) = (2, 3)
      var z = try normals(3, samples * model.dimension * lanes)
      if prior == .bernoulli { z = z.map { $0 > 0 ? 1 : 0 } }
      let block = try self.block(model, indices, z, samples: samples, [.prior, .likelihood])
      let likelihood = block.evaluation.values(of: .likelihood)
      for (lane, n) in indices.enumerated() {
        // The rows of the data are in an order of the split's.
        let x = (0..<3).map { block.draws.observations[$0 * lanes + lane] }
        #expect(Self.data.contains(x), "datum \(n)")
        for k in 0..<samples {
          let point = (0..<2).map { z[(k * 2 + $0) * lanes + lane] }
          let expected = logLikelihood(kind, x, try network(model, "decoder", point), noise: 1, logSigma: 0)
          #expect(largestError([likelihood[k * lanes + lane]], [expected]) < 1e-12)
        }
      }
      if prior == .bernoulli {
        let prior = block.evaluation.values(of: .prior), fair = [Double](repeating: -2 * log(2), count: 6)
        #expect(largestError(prior, fair) < 1e-14)
      }
    }
  }

  /// Of bits log p(x) = log 2⁻ᴰ Σ_z p(x | z), term by term; not beyond 16 of them, nor of normals.
  @Test(arguments: Specification.LikelihoodKind.allCases)
  func evidenceOfBits(_ kind: Specification.LikelihoodKind) throws {
    let model = try local {
      ($0.prior, $0.likelihood, $0.latent) = (.bernoulli, kind, "3")
      if kind == .normal { $0.noise = 0.7 }
    }
    for x in Self.data {
      let datum = model.datum(x)
      var sum = 0.0
      for state in 0..<8 {
        let z = (0..<3).map { Double(state >> $0 & 1) }, o = try network(model, "decoder", z)
        sum += exp(logLikelihood(kind, x, o, noise: 0.7, logSigma: logSigma(model))) / 8
      }
      let evidence = try #require(datum.logEvidence), expected = log(sum)
      #expect(abs(evidence - expected) < 1e-12 * max(1, abs(expected)), "\(kind)")
      #expect(datum.evidenceStates == 8)
      #expect(datum.logEvidence(within: 8) == evidence)
      #expect(datum.logEvidence(within: 7) == nil)
    }
    let normal = try local { $0.likelihood = kind }.datum(Self.data[0])
    #expect(normal.logEvidence == nil)
  }

  @Test func noEvidenceBeyondSixteenBits() throws {
    let datum = try local { ($0.prior, $0.likelihood, $0.latent) = (.bernoulli, .bernoulli, "17") }.datum(Self.data[0])
    #expect(datum.logEvidence == nil)
    #expect(datum.logEvidence(within: 1 << 20) == nil)
  }

  /// A block of those data at z `[K × D × B]`, with values and gradients of `terms`.
  private func block(
    _ model: any LocalLatentModel, _ indices: [Int32], _ z: [Double], samples: Int, _ terms: Terms
  ) throws -> DrawBlock {
    let shape = Shape(samples: samples, dimension: model.dimension, parameters: 1, lanes: indices.count)
    var block = DrawBlock(shape: shape, parameters: [0])
    block.draws.z = z
    block.draws.dataIndices = indices
    var x = [Double](repeating: 0, count: model.observationDimension * indices.count)
    var span = x.mutableSpan, random = try RandomStream(try #require(Generator.named("mt19937")), index: 1)
    model.storeObservations(of: .training, indices, random: &random, into: &span)
    block.draws.observations = x
    let isReal = model.support == .real
    block.evaluate(
      Quantities(values: terms, gradients: isReal ? terms : []).union(model.modelGradientQuantities),
      of: try EvaluationOnly.problem(model))
    return block
  }

  /// ∇_θ by lane sums to the total's; both are the derivative of Σ w log p(x, z), by differences in θ.
  @Test(arguments: Specification.LikelihoodKind.allCases)
  func gradientsInParameters(_ kind: Specification.LikelihoodKind) throws {
    for latent in kind == .categorical ? ["2"] : ["2", "2x1"] {
      let model = try local { ($0.likelihood, $0.latent) = (kind, latent) }
      try checkParameters(model, "\(kind) \(latent)")
    }
    if kind == .categorical { try checkParameters(try local { $0.prior = .bernoulli }, "bits") }
  }

  private func checkParameters<M: LocalLatentModel>(_ model: M, _ name: String) throws {
    let indices: [Int32] = [1, 2, 0], samples = 2
    var z = try normals(4, samples * model.dimension * 3)
    if model.support == .binary { z = z.map { $0 > 0 ? 1 : 0 } }
    let weights = try normals(5, samples * 3), q = model.modelParameters.count
    for weights in [weights, Array(repeating: 0.4, count: 6)] {
      let block = try block(model, indices, z, samples: samples, [.prior, .likelihood])
      var total = [Double](repeating: 0, count: q), byLane = [Double](repeating: 0, count: q * 3)
      var inTotal = total.mutableSpan, inLanes = byLane.mutableSpan
      model.addTotalModelGradient(
        weights: weights.span, factor: 1.5, at: block.draws, block.evaluation, into: &inTotal)
      model.addModelGradient(weights: weights.span, at: block.draws, block.evaluation, into: &inLanes)
      let summed = (0..<q).map { p in 1.5 * (0..<3).reduce(0) { $0 + byLane[p * 3 + $1] } }
      #expect(largestError(total, summed) < 1e-12, "\(name)")
      let differences = try (0..<q).map { p in
        try (0..<3).map { lane in
          var sums: [Double] = []
          for side in [1e-5, -1e-5] {
            var parameters = model.modelParameters
            parameters[p] += side
            let there = try self.block(
              model.with(modelParameters: parameters), indices, z, samples: samples, [.prior, .likelihood])
            let (prior, likelihood) = (
              there.evaluation.values(of: .prior), there.evaluation.values(of: .likelihood)
            )
            sums.append(
              (0..<samples).reduce(0) {
                $0 + weights[$1 * 3 + lane] * (prior[$1 * 3 + lane] + likelihood[$1 * 3 + lane])
              })
          }
          return (sums[0] - sums[1]) / 2e-5
        }
      }
      #expect(largestError(byLane, differences.flatMap { $0 }) < 1e-7, "\(name)")
    }
  }

  /// E[x | z], each likelihood's.
  @Test func meansOfObservations() throws {
    let z = try normals(6, 2 * 3)
    for kind in Specification.LikelihoodKind.allCases {
      let model = try local { $0.likelihood = kind }, means = model.meanObservations(at: z, lanes: 3)
      for lane in 0..<3 {
        let o = try network(model, "decoder", [z[lane], z[3 + lane]])
        let expected = (0..<3).map { i -> Double in
          switch kind {
          case .bernoulli: return 1 / (1 + exp(-o[i]))
          case .categorical:
            let weights = o[i * 5..<i * 5 + 5].map { exp($0) }
            return weights.enumerated().reduce(0) { $0 + $1.element * Double($1.offset) / 4 } / weights.reduce(0, +)
          default: return o[i]
          }
        }
        let column = [0, 1, 2].map { (i: Int) -> Double in means[i * 3 + lane] }
        #expect(largestError(column, expected) < 1e-13, "\(kind)")
      }
    }
  }

  /// Means and second moments of draws of p(z), to 5 standard errors: 16 comparisons, below 10⁻⁵ all together.
  @Test func drawsOfThePrior() throws {
    let count = 40000
    var random = try RandomStream(try #require(Generator.named("mt19937")), index: 3)
    func column(_ z: [Double], _ d: Int) -> ArraySlice<Double> { z[d * count..<(d + 1) * count] }
    func check(_ numbers: [Double], _ expected: Double, _ name: String) {
      let mean = numbers.reduce(0, +) / Double(count)
      let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
      #expect(abs(mean - expected) < 5 * (variance / Double(count)).squareRoot(), "\(name)")
    }
    let normal = try local { _ in }.priorDraws(lanes: count, random: &random)
    let bits = try local { ($0.prior, $0.likelihood) = (.bernoulli, .bernoulli) }
      .priorDraws(lanes: count, random: &random)
    #expect(bits.allSatisfy { $0 == 0 || $0 == 1 })
    for d in 0..<2 {
      check(Array(column(normal, d)), 0, "normal")
      check(column(normal, d).map { $0 * $0 }, 1, "normal, squares")
      check(Array(column(bits, d)), 0.5, "bits")
    }
    let layered = try local { $0.latent = "2x1" }, z = layered.priorDraws(lanes: count, random: &random)
    check(Array(column(z, 2)), 0, "top")
    check(column(z, 2).map { $0 * $0 }, 1, "top, squares")
    // z¹ given z² is standard normal after its own mean and scale are taken out.
    var residuals = [[Double]](repeating: [], count: 2)
    for n in 0..<count {
      let o = try network(layered, "prior", [z[2 * count + n]])
      for d in 0..<2 { residuals[d].append((z[d * count + n] - o[d]) * exp(-o[2 + d])) }
    }
    for d in 0..<2 {
      check(residuals[d], 0, "below")
      check(residuals[d].map { $0 * $0 }, 1, "below, squares")
    }
  }

  /// An encoder is its network, lane by lane; free parameters are the rows of a table.
  @Test func inferenceNetworks() throws {
    let initial = [0.1, -0.2, 0.3]
    for isAmortised in [true, false] {
      let model = try local { $0.isAmortised = isAmortised }, net = model.inferenceNetwork(initial: initial)
      #expect(net.generalizes == isAmortised)
      let phi = try normals(8, net.parameterCount)
      func encoded(_ indices: [Int32]) throws -> [Double] {
        let shape = Shape(samples: 1, dimension: 2, parameters: 3, lanes: indices.count)
        var draws = Draws(shape: shape, parameters: Array(repeating: 0, count: 3 * indices.count))
        var x = [Double](repeating: 0, count: 3 * indices.count)
        var span = x.mutableSpan, random = try RandomStream(try #require(Generator.named("mt19937")), index: 1)
        model.storeObservations(of: .training, indices, random: &random, into: &span)
        (draws.observations, draws.dataIndices) = (x, indices)
        var tape = [Double](repeating: 0, count: net.tapeCount(lanes: indices.count))
        net.encode(phi, tape: &tape, into: &draws)
        return draws.parameters
      }
      let together = try encoded([2, 0, 3])
      for (lane, n) in [Int32(2), 0, 3].enumerated() {
        let alone = try encoded([n])
        let column = [0, 1, 2].map { (p: Int) -> Double in together[p * 3 + lane] }
        #expect(largestError(alone, column) < 1e-14)
        let own = Array(phi[Int(n) * 3..<Int(n) * 3 + 3])
        if !isAmortised { #expect(alone == own) }
      }
    }
  }
}
