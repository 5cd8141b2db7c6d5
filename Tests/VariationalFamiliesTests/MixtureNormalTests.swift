import Foundation
import GradientEstimation
import Testing
import VariationalFamilies

@Suite struct MixtureNormalTests {
  typealias Case = FamilyCase

  /// S_d(z; λ), the distribution function of z_d given the coordinates before it.
  static func transform(_ z: [Double], _ lambda: [Double], components n: Int) -> [Double] {
    let d = z.count
    func place(_ c: Int, _ i: Int) -> Double { (z[i] - lambda[n + c * d + i]) * exp(-lambda[n + n * d + c * d + i]) }
    return (0..<d).map { i in
      let weights = (0..<n).map { c in
        (0..<i).reduce(exp(lambda[c])) { $0 * exp(-0.5 * place(c, $1) * place(c, $1) - lambda[n + n * d + c * d + $1]) }
      }
      let below = (0..<n).reduce(0.0) { $0 + weights[$1] * 0.5 * erfc(-place($1, i) / 2.0.squareRoot()) }
      return below / weights.reduce(0, +)
    }
  }

  /// The pullback holds S(z(λ), λ) in place: with c = (∂S/∂z)ᵀ w it is −wᵀ ∂S/∂λ, both differentiated numerically.
  @Test(arguments: [(1, 2), (3, 3), (2, 1)]) func pullbackKeepsTheDistributionalTransform(_ d: Int, _ n: Int) throws {
    let c = Case.mixture(d, n), w = try c.numbers(3, d), parameters = c.lambda
    let block = try c.sample(c.shape(samples: 1), parameters), lanes = Case.lanes
    var cotangents = [Double](repeating: 0, count: d * lanes), wanted = [Double](repeating: 0, count: c.p * lanes)
    func weighted(_ z: [Double], _ lambda: [Double]) -> Double {
      zip(Self.transform(z, lambda, components: n), w).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for lane in 0..<lanes {
      let z = c.row(block.draws.z, 0, lane, size: d)
      let inZ = c.derivative(at: z) { weighted($0, parameters) }
      let inLambda = c.derivative(at: parameters) { weighted(z, $0) }
      for i in 0..<d { cotangents[i * lanes + lane] = inZ[i] }
      for p in 0..<c.p { wanted[p * lanes + lane] = -0.5 * inLambda[p] }
    }
    var found = [Double](repeating: 0, count: c.p * lanes)
    var span = found.mutableSpan
    c.family.addPullback(cotangents: cotangents.span, factor: 0.5, at: block.draws, into: &span)
    // Numerical slopes of about 1e-9 are divided by densities down to 1e-3.
    #expect(largestError(found, wanted) < 1e-6)
  }

  /// Far out, where S is 1 but for 1e-18, the draw moves with the component that it belongs to.
  @Test func tailsKeepTheirDigits() {
    let family = MixtureNormal(dimension: 1, components: 2), lambda = [0, 0, -1, 2, -0.5, 0.3]
    let shape = Shape(samples: 1, dimension: 1, noiseDimension: 2, parameters: 6, lanes: 2)
    var draws = Draws(shape: shape, parameters: lambda)
    draws.z = [2 + 9 * exp(0.3), 2 - 16 * exp(0.3)]
    var gradients = [Double](repeating: 0, count: 12)
    var span = gradients.mutableSpan
    let ones = [1.0, 1]
    family.addPullback(cotangents: ones.span, factor: 1, at: draws, into: &span)
    // ∂z/∂mean₂ = r₂ of the density, all but 1; ∂z/∂log_scale₂ = e₂ s₂; far below, too, the wider one rules.
    #expect(abs(gradients[6] - 1) < 1e-12 && abs(gradients[7] - 1) < 1e-12)
    #expect(abs(gradients[10] - 9 * exp(0.3)) < 1e-9 && abs(gradients[11] + 16 * exp(0.3)) < 1e-9)
  }

  /// One component is a mean-field normal.
  @Test func oneComponentIsANormal() throws {
    let one = MixtureNormal(dimension: 2, components: 1), normal = MeanFieldNormal(dimension: 2)
    let lambda = [0.3, -0.2, -0.5, 0.4], model = ExponentialModel(normal: .standard(2), a: [0.6, -0.9])
    let mixed = try #require(one.exactExpectation(of: [.prior, .likelihood], for: model, parameters: [0.7] + lambda))
    let plain = try #require(normal.exactExpectation(of: [.prior, .likelihood], for: model, parameters: lambda))
    #expect(abs(mixed.value - plain.value) < 1e-14)
    #expect(largestError(mixed.gradient, [0] + plain.gradient) < 1e-14)
  }

  @Test func exactGradientIsTheDerivativeOfTheValue() throws {
    let c = Case.mixture(2, 3), model = ExponentialModel(normal: .standard(2), a: [0.6, -0.9])
    let exact = try #require(c.family.exactExpectation(of: [.prior, .likelihood], for: model, parameters: c.lambda))
    let wanted = c.derivative(at: c.lambda) {
      c.family.exactExpectation(of: [.prior, .likelihood], for: model, parameters: $0)?.value ?? .nan
    }
    #expect(largestError(exact.gradient, wanted) < 1e-8)
    // The entropy of a mixture has no closed form.
    #expect(c.family.exactExpectation(of: [.prior, .entropy], for: model, parameters: c.lambda) == nil)
    #expect(c.family.analyticTerms(for: model) == [])
  }
}
