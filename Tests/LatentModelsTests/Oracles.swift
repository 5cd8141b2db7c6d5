import Foundation
import GradientEstimation
import LatentModels
import Randomness
import Testing

/// The largest |a − b|, relative to 1 + |b|; infinite unless all are finite and as many.
func largestError(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, (a + b).allSatisfy(\.isFinite) else { return .infinity }
  return zip(a, b).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? .infinity
}

/// f′(x) by central differences, extrapolated three times.
func derivative(at x: Double, _ f: (Double) -> Double) -> Double {
  var table = [0.08, 0.04, 0.02, 0.01].map { h in (f(x + h) - f(x - h)) / (2 * h) }
  for order in 1..<table.count {
    let factor = pow(4, Double(order))
    for i in 0..<table.count - order { table[i] = (factor * table[i + 1] - table[i]) / (factor - 1) }
  }
  return table[0]
}

/// Points of the trapezoidal rule for one standard normal, and their weights: exact to rounding for these integrands.
let normalRule: [(point: Double, weight: Double)] = (-144...144).map {
  let e = Double($0) / 16
  return (e, exp(-0.5 * e * e) / 16 / (2 * Double.pi).squareRoot())
}

/// Arbitrary normals, other ones for every index.
func normals(_ index: UInt, _ count: Int) throws -> [Double] {
  var stream = try RandomStream(try #require(Generator.named("mt19937")), index: 200 + index)
  var numbers = [Double](repeating: 0, count: count)
  var span = numbers.mutableSpan
  stream.fillNormals(&span)
  return numbers
}

/// What `model` computes at the points z, `[K × D × B]`.
struct Computed {
  var values, gradient, coordinates: [Double]

  init(
    _ term: Term, of model: any Integrand, at z: [Double], samples: Int, lanes: Int, indices: [Int32] = []
  ) throws {
    var draws = Draws(
      shape: Shape(samples: samples, dimension: model.dimension, parameters: 1, lanes: lanes), parameters: [0])
    draws.z = z
    draws.dataIndices = indices
    let factorized = (model as? any FactorizedModel)?.factorizedTerms.contains(term) ?? false
    let differentiable = model is any DifferentiableModel, terms = Terms(term)
    let needed = Quantities(
      values: terms, gradients: differentiable ? terms : [], coordinateValues: factorized ? terms : [])
    var block = DrawBlock(shape: draws.shape, parameters: [0])
    block.draws = draws
    block.evaluate(needed, of: try EvaluationOnly.problem(model))
    values = block.evaluation.values(of: term)
    gradient = block.evaluation.gradient(of: terms)
    coordinates = block.evaluation.coordinateValues(of: term)
  }
}

/// A family that is asked for nothing: blocks are evaluated at points of the test's choice.
struct EvaluationOnly: VariationalFamily {
  let dimension: Int
  var support = Support.real
  var parameterBlocks: [ParameterBlock] { [ParameterBlock(name: "none", range: 0..<1)] }
  var initialParameters: [Double] { [0] }
  func parameters(of distribution: any Prior) -> [Double]? { nil }
  func sample(_ draws: inout Draws, scheme: any SamplingScheme, random: inout RandomStream) {}
  func evaluate(_ needed: Quantities, at draws: borrowing Draws, into evaluation: inout Evaluation) {}
  func addScore(
    weights: Span<Double>, centers: Span<Double>, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {}
  func analyticTerms(for model: any Integrand) -> Terms { [] }
  func addAnalyticGradient(
    of terms: Terms, for model: any Integrand, at draws: borrowing Draws, into gradients: inout MutableSpan<Double>
  ) {}
  func exactExpectation(of terms: Terms, for model: any Integrand, parameters: [Double]) -> ExactExpectation? { nil }

  static func problem(_ model: any Integrand) throws -> Problem {
    try Problem(
      model: model, family: EvaluationOnly(dimension: model.dimension, support: model.support),
      objective: model is any CostFunction ? Expectation() as any Objective : EvidenceLowerBound(),
      sampling: IndependentSampling())
  }
}

/// Holds values, gradients and coordinate values of `term` at random points to `f`, a function of one point that
/// returns the terms of its sum over coordinates (or one term); the gradients to its numerical derivative.
func checkEvaluation(
  _ term: Term, of model: any Integrand, samples: Int, lanes: Int, _ f: ([Double]) -> [Double],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let d = model.dimension, z = try normals(1, samples * d * lanes)
  let computed = try Computed(term, of: model, at: z, samples: samples, lanes: lanes)
  var values: [Double] = [], gradient = z, coordinates = z
  for k in 0..<samples {
    for lane in 0..<lanes {
      let point = (0..<d).map { z[(k * d + $0) * lanes + lane] }, terms = f(point)
      values.append(terms.reduce(0, +))
      for i in 0..<d {
        gradient[(k * d + i) * lanes + lane] = derivative(at: point[i]) { moved in
          var point = point
          point[i] = moved
          return f(point).reduce(0, +)
        }
        if terms.count == d { coordinates[(k * d + i) * lanes + lane] = terms[i] }
      }
    }
  }
  #expect(largestError(computed.values, values) < 1e-12, "values", sourceLocation: sourceLocation)
  #expect(largestError(computed.gradient, gradient) < 1e-8, "gradient", sourceLocation: sourceLocation)
  if !computed.coordinates.isEmpty {
    #expect(largestError(computed.coordinates, coordinates) < 1e-13, "coordinates", sourceLocation: sourceLocation)
  }
}

/// Hermite moments of one coordinate by their definition, which by parts needs no derivative of f:
/// E ∂ʲf/∂εʲ = E f(m + s ε) He_j(ε).
func hermiteMoments(
  m: Double, s: Double, _ f: (Double) -> Double
) -> (value: Double, first: Double, second: Double, fourth: Double) {
  var sums = (0.0, 0.0, 0.0, 0.0)
  for (e, weight) in normalRule {
    let value = weight * f(m + s * e), square = e * e
    sums.0 += value
    sums.1 += value * e
    sums.2 += value * (square - 1)
    sums.3 += value * (square * (square - 6) + 3)
  }
  return (sums.0, sums.1, sums.2, sums.3)
}

/// Holds the moments of a model whose `term` is Σ_d f_d(z_d) to quadrature.
func checkMoments(
  _ term: Term, of model: any Integrand, mean: [Double], scale: [Double], _ f: (_ d: Int, _ z: Double) -> Double,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let known = try #require(model as? any NormalExpectations)
  let moments = try #require(known.hermiteMoments(of: term, mean: mean, scale: scale), sourceLocation: sourceLocation)
  let wanted = mean.indices.map { d in hermiteMoments(m: mean[d], s: scale[d]) { f(d, $0) } }
  let values = wanted.map(\.value)
  #expect(abs(moments.value - values.reduce(0, +)) < 1e-11, "value", sourceLocation: sourceLocation)
  #expect(largestError(try #require(moments.coordinateValues), values) < 1e-12, sourceLocation: sourceLocation)
  #expect(largestError(moments.first, wanted.map(\.first)) < 1e-12, "first", sourceLocation: sourceLocation)
  #expect(largestError(moments.second, wanted.map(\.second)) < 1e-12, "second", sourceLocation: sourceLocation)
  #expect(largestError(moments.fourth, wanted.map(\.fourth)) < 1e-11, "fourth", sourceLocation: sourceLocation)
}
