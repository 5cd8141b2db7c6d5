import Foundation
import GradientEstimation
import Randomness
import Testing
import VariationalFamilies

/// f(z) = Σ_i a_i z_i + Σ_{i<j} b_ij z_i z_j + c Π_i z_i: what moves with one coordinate hangs on the others.
struct CoupledCost: CostFunction, RelaxableModel {
  let dimension: Int
  let sense = Sense.minimize

  func f(_ z: [Double]) -> Double {
    var sum = 2.0 * z.reduce(1, *)
    for i in z.indices {
      sum += Double(i + 1) * 0.7 * z[i]
      for j in 0..<i { sum += (Double((3 * i + 5 * j) % 7) - 3.2) * z[i] * z[j] }
    }
    return sum
  }

  func slope(_ z: [Double], _ d: Int) -> Double {
    // f is linear in each coordinate.
    var one = z, zero = z
    (one[d], zero[d]) = (1, 0)
    return f(one) - f(zero)
  }

  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {
    let (d, b, samples, z) = (dimension, draws.shape.lanes, draws.shape.samples, draws.z)
    func point(_ k: Int, _ lane: Int) -> [Double] { (0..<d).map { z[(k * d + $0) * b + lane] } }
    if needed.values.contains(.cost) {
      evaluation.withValues(of: .cost) { values in
        for k in 0..<samples { for lane in 0..<b { values[k * b + lane] = f(point(k, lane)) } }
      }
    }
    if needed.gradients.contains(.cost) {
      evaluation.withGradient(of: .cost) { gradient in
        for k in 0..<samples {
          for i in 0..<d { for lane in 0..<b { gradient[(k * d + i) * b + lane] = slope(point(k, lane), i) } }
        }
      }
    }
  }
}

/// The moments of estimators that are functions of the states drawn, by going through all states, K = 1.
struct EveryState {
  let problem: Problem
  let parameters: [Double]
  let states: [[Double]]
  let probabilities: [Double]

  init(_ model: any Integrand, _ family: any EnumerableFamily, parameters: [Double]) throws {
    problem = try Problem(model: model, family: family, objective: Expectation(), sampling: IndependentSampling())
    self.parameters = parameters
    var states: [[Double]] = [], probabilities: [Double] = []
    let isDone = Enumeration.forEachBlock(
      of: family, model, Quantities(), parameters: parameters
    ) { block, q in
      for lane in 0..<block.shape.lanes {
        states.append((0..<block.shape.dimension).map { block.draws.z[$0 * block.shape.lanes + lane] })
      }
      probabilities += q
    }
    try #require(isDone)
    self.states = states
    self.probabilities = probabilities
  }

  /// All states, one in each lane.
  private func makeBlock() -> DrawBlock {
    var block = DrawBlock(shape: problem.shape(samples: 1, lanes: states.count), parameters: parameters)
    for (lane, state) in states.enumerated() {
      for d in state.indices { block.draws.z[d * states.count + lane] = state[d] }
    }
    return block
  }

  /// ∇ log q at each state, `[P]` each.
  var scores: [[Double]] {
    let block = makeBlock(), ones = states.map { _ in 1.0 }, zeros = parameters.map { _ in 0.0 }
    var scores = [Double](repeating: 0, count: parameters.count * states.count), span = scores.mutableSpan
    problem.family.addScore(weights: ones.span, centers: zeros.span, at: block.draws, into: &span)
    return states.indices.map { lane in parameters.indices.map { scores[$0 * states.count + lane] } }
  }

  /// One estimate at each state, `[P]` each.
  func estimates<E: GradientEstimator>(of estimator: E) throws -> [[Double]] {
    var block = makeBlock()
    let shape = block.shape
    block.evaluate(try estimator.requirements(samples: 1, of: problem).quantities, of: problem)
    var random = try RandomStream(#require(Generator.named("mt19937")), index: 3)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    var gradients = [Double](repeating: 0, count: shape.parameters * shape.lanes), span = gradients.mutableSpan
    let state = estimator.initialState(for: problem, parameters: parameters)
    estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
    return states.indices.map { lane in (0..<shape.parameters).map { gradients[$0 * states.count + lane] } }
  }

  /// Estimates of an estimator that draws its own states, `[P]` each.
  func draw<E: GradientEstimator>(_ estimator: E, samples: Int, lanes: Int) throws -> [[Double]] {
    let shape = problem.shape(samples: samples, lanes: lanes)
    let block = DrawBlock(shape: shape, parameters: parameters)
    var random = try RandomStream(#require(Generator.named("mt19937")), index: 11)
    var workspace = try estimator.makeWorkspace(for: problem, shape: shape)
    var gradients = [Double](repeating: 0, count: shape.parameters * lanes), span = gradients.mutableSpan
    let state = estimator.initialState(for: problem, parameters: parameters)
    estimator.estimate(problem, block, state: state, random: &random, workspace: &workspace, into: &span)
    return (0..<lanes).map { lane in (0..<shape.parameters).map { gradients[$0 * lanes + lane] } }
  }

  /// Mean and variance over states of numbers `[P]` each.
  func moments(_ estimates: [[Double]]) -> (mean: [Double], variance: [Double]) {
    var mean = parameters.map { _ in 0.0 }, variance = mean
    for (q, g) in zip(probabilities, estimates) { for p in g.indices { mean[p] += q * g[p] } }
    for (q, g) in zip(probabilities, estimates) { for p in g.indices { variance[p] += q * pow(g[p] - mean[p], 2) } }
    return (mean, variance)
  }

  /// The exact gradient.
  var exact: [Double] { problem.exact(at: parameters)?.gradient ?? [] }
}
