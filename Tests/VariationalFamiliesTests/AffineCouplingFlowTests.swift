import Foundation
import GradientEstimation
import Testing
import VariationalFamilies

/// An affine-coupling flow stated a second time: networks as nested arrays, coupling by coupling.
struct PlainFlow {
  let d, layers, hidden: Int
  let lambda: [Double]

  /// Coordinates that coupling `layer` keeps and moves.
  func kept(_ layer: Int) -> [Int] { (0..<d).filter { $0 % 2 == layer % 2 } }
  func moved(_ layer: Int) -> [Int] { (0..<d).filter { $0 % 2 != layer % 2 } }

  /// s and t of the coordinates that coupling `layer` moves, of z.
  func network(_ layer: Int, _ z: [Double]) -> (s: [Double], t: [Double]) {
    let before = (0..<layer), x = kept(layer).map { z[$0] }, n = moved(layer).count
    let keptAll = (0..<layers).reduce(0) { $0 + kept($1).count }, movedAll = layers * d - keptAll
    let keptBefore = before.reduce(0) { $0 + kept($1).count }, movedBefore = before.reduce(0) { $0 + moved($1).count }
    let inputs = 2 * d + hidden * keptBefore, biases = 2 * d + hidden * keptAll + hidden * layer
    let shifts = 2 * d + hidden * (keptAll + layers + movedBefore), logScales = shifts + hidden * movedAll
    var s = [Double](repeating: 0, count: n), t = s
    for j in 0..<hidden {
      let sum = x.indices.reduce(lambda[biases + j]) { $0 + lambda[inputs + j * x.count + $1] * x[$1] }
      for m in 0..<n {
        t[m] += tanh(sum) * lambda[shifts + j * n + m]
        s[m] += tanh(sum) * lambda[logScales + j * n + m]
      }
    }
    return (s.map { 2 * tanh($0 / 2) }, t)
  }

  func transform(_ e: [Double]) -> [Double] {
    var z = (0..<d).map { lambda[$0] + exp(lambda[d + $0]) * e[$0] }
    for layer in 0..<layers {
      let (s, t) = network(layer, z)
      for (m, i) in moved(layer).enumerated() { z[i] = z[i] * exp(s[m]) + t[m] }
    }
    return z
  }

  func logDensity(_ z: [Double]) -> Double {
    var x = z, sum = 0.0
    for layer in (0..<layers).reversed() {
      let (s, t) = network(layer, x)
      for (m, i) in moved(layer).enumerated() {
        x[i] = (x[i] - t[m]) * exp(-s[m])
        sum -= s[m]
      }
    }
    return sum + VariationalFamiliesTests.logDensity(x, Array(lambda[..<(2 * d)]))
  }
}

extension FamilyCase {
  static func coupling(_ d: Int, layers: Int, hidden: Int) -> FamilyCase {
    let family = AffineCouplingFlow(dimension: d, layers: layers, hidden: hidden)
    return FamilyCase(
      name: "affine-coupling, D = \(d), L = \(layers), H = \(hidden)", family: family,
      lambda: (0..<family.parameterCount).map { 0.6 * sin(1 + 1.9 * Double($0)) },
      logDensity: { z, lambda in PlainFlow(d: d, layers: layers, hidden: hidden, lambda: lambda).logDensity(z) },
      transform: { e, lambda in PlainFlow(d: d, layers: layers, hidden: hidden, lambda: lambda).transform(e) },
      step: 0.12)
  }
}

/// f(z) = e^{a·z}, a cost.
struct ExponentialCost: CostFunction, DifferentiableModel, NormalExpectations {
  let a: [Double]
  var dimension: Int { a.count }
  var sense: Sense { .minimize }
  private var model: ExponentialModel { ExponentialModel(normal: .standard(a.count), a: a) }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (k, d, b, z, model) = (draws.shape.samples, dimension, draws.shape.lanes, draws.z, model)
    for draw in 0..<k * b {
      let (row, lane) = (draw / b, draw % b)
      let value = model.logLikelihood((0..<d).map { z[(row * d + $0) * b + lane] })
      if needed.values.contains(.cost) { evaluation.withValues(of: .cost) { $0[draw] = value } }
      guard needed.gradients.contains(.cost) else { continue }
      evaluation.withGradient(of: .cost) { for i in 0..<d { $0[(row * d + i) * b + lane] = a[i] * value } }
    }
  }

  func hermiteMoments(of term: Term, mean: [Double], scale: [Double]) -> HermiteMoments? {
    term == .cost ? model.hermiteMoments(of: .likelihood, mean: mean, scale: scale) : nil
  }
}

/// The same, of values alone.
struct ValuedCost: CostFunction, NumericallyDifferentiatedModel {
  let base: ExponentialCost
  var dimension: Int { base.dimension }
  var sense: Sense { .minimize }
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    base.evaluate(needed, at: draws, into: &evaluation)
  }
}

/// What `affine-coupling` does beyond the laws of every family.
@Suite struct AffineCouplingFlowTests {
  typealias Case = FamilyCase

  /// −log q of the family at the z of a block, whatever its noise is.
  func entropies(_ family: AffineCouplingFlow, _ z: [Double], _ lambda: [Double]) throws -> [Double] {
    let shape = Shape(
      samples: 1, dimension: family.dimension, parameters: lambda.count, lanes: z.count / family.dimension)
    var block = DrawBlock(shape: shape, parameters: lambda)
    block.draws.z = z
    let problem = try Problem(
      model: ExponentialCost(a: Array(repeating: 0, count: family.dimension)), family: family, objective: Expectation(),
      sampling: IndependentSampling())
    block.evaluate(Quantities(values: .entropy), of: problem)
    return block.evaluation.values(of: .entropy)
  }

  /// The inverse takes a draw back to its noise: −log q(z) is that of ε plus log |det ∂z/∂ε|, with the Jacobian of the
  /// family's own transform, differentiated numerically.
  @Test(arguments: [(2, 1, 1), (3, 3, 2), (5, 4, 3)]) func inverseUndoesTheTransform(
    _ d: Int, _ layers: Int, _ hidden: Int
  ) throws {
    let c = Case.coupling(d, layers: layers, hidden: hidden), lanes = Case.lanes
    let family = try #require(c.family as? AffineCouplingFlow)
    let block = try c.sample(c.shape(samples: 1), c.lambda)
    let found = try entropies(family, block.draws.z, c.lambda)
    func transformed(_ e: [Double]) -> [Double] {
      var draws = Draws(shape: c.shape(samples: 1, lanes: 1), parameters: c.lambda)
      draws.noise = e
      family.transform(&draws)
      return draws.z
    }
    for lane in 0..<lanes {
      let e = c.row(block.draws.noise, 0, lane, size: d)
      #expect(transformed(e) == c.row(block.draws.z, 0, lane, size: d))
      let jacobian = (0..<d).map { i in c.derivative(at: e) { transformed($0)[i] } }
      let noise = e.reduce(0) { $0 + 0.5 * ($1 * $1 + log(2 * .pi)) }
      // Of J Jᵀ as a covariance, at its mean: −½ log |J Jᵀ| but for the constant.
      let mean = [Double](repeating: 0, count: d)
      let logDeterminant = -normalLogDensity(mean, mean, product(jacobian, jacobian)) - 0.5 * Double(d) * log(2 * .pi)
      #expect(abs(found[lane] - noise - logDeterminant) < 1e-8, "\(c.name)")
    }
  }

  /// ∫ q = 1, and E z, E z², E z₁z₂ under that density are the means of draws.
  @Test func theDensityIsThatOfTheDraws() throws {
    let c = Case.coupling(2, layers: 2, hidden: 3), family = try #require(c.family as? AffineCouplingFlow)
    let h = 0.05, side = 600
    let axis = (0..<side).map { (Double($0) - 0.5 * Double(side)) * h }
    let z = (0..<side * side).map { axis[$0 / side] } + (0..<side * side).map { axis[$0 % side] }
    let density = try entropies(family, z, c.lambda).map { h * h * exp(-$0) }
    func expectation(_ f: (Double, Double) -> Double) -> Double {
      density.indices.reduce(0) { $0 + density[$1] * f(z[$1], z[side * side + $1]) }
    }
    #expect(abs(expectation { _, _ in 1 } - 1) < 1e-9)
    let count = 100_000, block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda), draws = block.draws.z
    let functions: [(Double, Double) -> Double] = [
      { x, _ in x }, { _, y in y }, { x, _ in x * x }, { _, y in y * y }, { x, y in x * y }, { x, y in cos(2 * x + y) },
      { x, y in x < 0.3 && y < 0.2 ? 1 : 0 },
    ]
    for (n, f) in functions.enumerated() {
      let drawn = meanAndError((0..<count).map { f(draws[$0], draws[count + $0]) }[...])
      // The last one jumps along lines of the grid, where its sum is off by half a cell.
      let quadrature = n == functions.count - 1 ? 0.5 * h : 1e-9
      #expect(abs(drawn.mean - expectation(f)) < 5 * drawn.error + quadrature, "function \(n)")
    }
  }

  /// With no weight on the networks' outputs it is the mean-field normal, in everything that both do.
  @Test func withoutOutputsItIsAMeanFieldNormal() throws {
    let d = 3, flow = AffineCouplingFlow(dimension: d, layers: 3, hidden: 2), normal = MeanFieldNormal(dimension: d)
    let own = [0.3, -1.2, 0.5, -0.4, 0.2, 0.9], lambda = own + flow.initialParameters[6...]
    let flowCase = Case(
      name: "flow", family: flow, lambda: lambda, logDensity: { logDensity($0, Array($1[..<6])) }, transform: nil)
    let normalCase = Case(
      name: "normal", family: normal, lambda: own, logDensity: { logDensity($0, $1) }, transform: nil)
    let cotangents = try flowCase.numbers(1, flowCase.shape().elementCount)
    let weights = Array(cotangents.prefix(flowCase.shape().drawCount))
    func all(_ c: Case) throws -> [[Double]] {
      var block = try c.sample(c.shape(), c.lambda)
      let problem = try Problem(
        model: ExponentialCost(a: [0, 0, 0]), family: c.family, objective: Expectation(),
        sampling: IndependentSampling())
      block.evaluate(Quantities(values: .entropy, gradients: .entropy), of: problem)
      var results = [
        block.draws.z, block.evaluation.values(of: .entropy), block.evaluation.gradient(of: .entropy),
      ]
      let centers = [Double](repeating: 0.1, count: c.p)
      func add(_ body: (borrowing Draws, inout MutableSpan<Double>) -> Void) {
        var gradients = [Double](repeating: 0, count: c.p * Case.lanes)
        var span = gradients.mutableSpan
        body(block.draws, &span)
        results.append(Array(gradients.prefix(6 * Case.lanes)))
      }
      add { c.family.addScore(weights: weights.span, centers: centers.span, at: $0, into: &$1) }
      add { c.family.addPullback(cotangents: cotangents.span, factor: 0.7, at: $0, into: &$1) }
      add { c.family.addPathwiseEntropyGradient(factor: 0.7, at: $0, into: &$1) }
      return results
    }
    for (a, b) in zip(try all(flowCase), try all(normalCase)) { #expect(largestError(a, b) < 1e-13) }
    #expect(
      flow.parameters(of: DiagonalNormal(mean: [0.3, -1.2, 0.5], scale: own[3...].map { exp($0) })).map {
        largestError($0, lambda) < 1e-15
      } == true)
    #expect(flow.parameters(of: UnknownPrior()) == nil)
  }

  /// It starts at N(0, I); hidden units differ, and those of every coupling move its outputs.
  @Test func startsAtANormalWhoseNetworksLearn() throws {
    let d = 4, flow = AffineCouplingFlow(dimension: d, layers: 2, hidden: 8)
    let start = flow.initialParameters, blocks = flow.parameterBlocks
    #expect(
      blocks.map(\.name) == [
        "mean", "log_scale", "input_weight", "hidden_bias", "shift_weight", "log_scale_weight",
      ])
    #expect(blocks.map(\.range.count) == [4, 4, 32, 16, 32, 32] && start.count == 120)
    #expect(start[..<8].allSatisfy { $0 == 0 } && start[56...].allSatisfy { $0 == 0 })
    let inputs = start[8..<40], biases = start[40..<56]
    #expect(Set(inputs).count == 32 && Set(biases).count == 16)
    #expect(biases.allSatisfy { abs($0) < 1 } && inputs.allSatisfy { abs($0) < 1.5.squareRoot() })
    // First numbers of the rule, by hand: 2 · 0.6180 − 1 and 2 · 0.4142 − 1.
    #expect(abs(start[8] - 1.5.squareRoot() * 0.23606797749979) < 1e-12 && abs(start[40] + 0.17157287525381) < 1e-12)
    let c = Case(name: "start", family: flow, lambda: start, logDensity: { _, _ in 0 }, transform: nil)
    let block = try c.sample(c.shape(), start), cotangents = try c.numbers(1, c.shape().elementCount)
    var gradients = [Double](repeating: 0, count: c.p * Case.lanes)
    var span = gradients.mutableSpan
    flow.addPullback(cotangents: cotangents.span, factor: 1, at: block.draws, into: &span)
    #expect(gradients[(56 * Case.lanes)...].allSatisfy { $0 != 0 })
  }

  /// e^s stays within e^{±2} of a coupling, however large the weights, and −log q finite.
  @Test func factorsAreBounded() throws {
    let flow = AffineCouplingFlow(dimension: 2, layers: 1, hidden: 1)
    for sign in [1.0, -1] {
      let lambda = [0, 0, 0, 0, 0, 20, 0, sign * 1e6]
      let found = try entropies(flow, [0, 0], lambda)
      #expect(abs(found[0] - log(2 * .pi) - 2 * sign) < 1e-12)
    }
  }

  /// Where the flow is a mean-field normal, quadrature agrees with that family's closed form, of costs and of the entropy.
  @Test func quadratureAgreesWithClosedForms() throws {
    let flow = AffineCouplingFlow(dimension: 2, layers: 2, hidden: 3), normal = MeanFieldNormal(dimension: 2)
    let model = ExponentialCost(a: [0.8, -0.5])
    for own in [[0.3, -0.2, -0.5, 0.4], [-2, 1, 0.7, -1.5]] {
      let lambda = own + flow.initialParameters[4...]
      for terms in [Terms.cost, .entropy, [.cost, .entropy]] {
        let exact = try #require(normal.exactExpectation(of: terms, for: model, parameters: own))
        let found = try #require(flow.exactExpectation(of: terms, for: model, parameters: lambda))
        #expect(abs(found.value - exact.value) < 1e-12 * (1 + abs(exact.value)))
        #expect(largestError(Array(found.gradient[..<4]), exact.gradient) < 1e-12)
      }
    }
  }

  /// The gradient is the value's, and both are what draws say.
  @Test(arguments: [(1, 1), (2, 4)]) func quadratureIsTheExpectation(_ layers: Int, _ hidden: Int) throws {
    let c = Case.coupling(2, layers: layers, hidden: hidden), model = ExponentialCost(a: [0.4, -0.3])
    let terms: Terms = [.cost, .entropy]
    func value(_ lambda: [Double]) -> Double {
      c.family.exactExpectation(of: terms, for: model, parameters: lambda)?.value ?? .nan
    }
    let exact = try #require(c.family.exactExpectation(of: terms, for: model, parameters: c.lambda))
    #expect(largestError(exact.gradient, c.derivative(at: c.lambda, value)) < 1e-8)
    let count = 40_000, block = try c.sample(c.shape(samples: 1, lanes: count), c.lambda), z = block.draws.z
    let drawn = meanAndError(
      (0..<count).map { lane in
        exp(0.4 * z[lane] - 0.3 * z[count + lane]) - c.logDensity([z[lane], z[count + lane]], c.lambda)
      }[...])
    #expect(abs(drawn.mean - exact.value) < 5 * drawn.error)
  }

  /// Not known: in other dimensions, of models without a gradient of their own, where the network is too steep for the grid,
  /// and where the integrand outgrows the density.
  @Test func quadratureKnowsItsLimits() throws {
    let flow = AffineCouplingFlow(dimension: 2, layers: 1, hidden: 1), cost = ExponentialCost(a: [0.3, 0.4])
    let lambda = [0.1, 0.2, 0, 0, 1, 0, 0.5, 0.5]
    #expect(flow.exactExpectation(of: .cost, for: cost, parameters: lambda) != nil)
    #expect(flow.exactExpectation(of: .cost, for: ValuedCost(base: cost), parameters: lambda) == nil)
    #expect(flow.exactExpectation(of: .entropy, for: OpaqueModel(), parameters: lambda) == nil)
    var steep = lambda
    steep[4] = 100
    #expect(flow.exactExpectation(of: .cost, for: cost, parameters: steep) == nil)
    #expect(flow.exactExpectation(of: .cost, for: ExponentialCost(a: [9, 0]), parameters: lambda) == nil)
    let three = AffineCouplingFlow(dimension: 3, layers: 1, hidden: 1)
    let more = ExponentialCost(a: [0.3, 0.4, 0])
    #expect(three.exactExpectation(of: .cost, for: more, parameters: three.initialParameters) == nil)
  }

  @Test func refusesWhatItCannotBe() throws {
    var specification = AffineCouplingFlowSpecification()
    #expect(throws: ComponentError.self) { try specification.makeFamily(dimension: 1) }
    #expect(try specification.makeFamily(dimension: 2).dimension == 2)
    specification.layers = 100
    specification.hidden = 1000
    #expect(throws: ComponentError.self) { try specification.makeFamily(dimension: 100_000) }
  }
}
