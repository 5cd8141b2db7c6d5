import Foundation
import GradientEstimation
import LatentModels
import Testing
import VariationalFamilies

/// Models of discrete latents: their evidence by formulas that do not go through states, and their gradients.
@Suite struct DiscreteModelsTests {
  /// A ring of n sites: Z = λ₊ⁿ + λ₋ⁿ with the eigenvalues of the transfer matrix.
  @Test(arguments: [(3, 0.3, 0.1), (8, -0.7, 0.4), (12, 1.1, 0.0)])
  func ringHasTheTransferMatrixPartition(_ n: Int, _ coupling: Double, _ field: Double) throws {
    var model = IsingModel()
    (model.rows, model.columns, model.coupling, model.field, model.isPeriodic) = (1, n, coupling, [field], true)
    let made = try #require(try model.makeIntegrand() as? IsingModel)
    let root = (exp(2 * coupling) * sinh(field) * sinh(field) + exp(-2 * coupling)).squareRoot()
    let first = exp(coupling) * cosh(field) + root, second = exp(coupling) * cosh(field) - root
    let logZ = log(pow(first, Double(n)) + pow(second, Double(n)))
    #expect(abs(try #require(made.logEvidence) - logZ) < 1e-13 * abs(logZ))
  }

  /// Without coupling the sites are independent: log Z = Σ log 2 cosh h. Beyond 16 sites it is not known.
  @Test func isingWithoutCoupling() throws {
    var model = IsingModel()
    (model.rows, model.columns, model.coupling) = (4, 4, 0)
    model.field = (0..<16).map { 0.1 * Double($0) - 0.7 }
    let logZ = model.field.reduce(0) { $0 + log(2 * cosh($1)) }
    let made = try #require(try model.makeIntegrand() as? IsingModel)
    #expect(abs(try #require(made.logEvidence) - logZ) < 1e-13 * logZ)
    (model.columns, model.field) = (5, [0.1])
    #expect((try model.makeIntegrand() as? IsingModel)?.logEvidence == nil)
  }

  /// With weights of 0 every bit is a fair coin: log p(x) = −V log 2.
  @Test func networkWithoutWeights() throws {
    var model = SigmoidBeliefNetwork()
    (model.layersText, model.x, model.weightScale) = ("3x2", "10110", 0)
    let made = try #require(try model.makeIntegrand() as? SigmoidBeliefNetwork)
    #expect(abs(try #require(made.logEvidence) + 5 * log(2)) < 1e-14)
  }

  /// log p(x) of a network with one latent bit, by its parameters b⁰, W⁰, b¹.
  @Test func networkOfOneBit() throws {
    var model = SigmoidBeliefNetwork()
    (model.layersText, model.x, model.learned) = ("1", "101", .all)
    let made = try #require(try model.makeIntegrand() as? SigmoidBeliefNetwork)
    let theta = made.modelParameters
    #expect(theta.count == 7)
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let evidence = [0.0, 1].reduce(0.0) { sum, z in
      let prior = z == 1 ? sigmoid(theta[6]) : 1 - sigmoid(theta[6])
      return sum
        + [1.0, 0, 1].enumerated().reduce(prior) { p, x in
          let q = sigmoid(theta[x.offset] + theta[3 + x.offset] * z)
          return p * (x.element == 1 ? q : 1 - q)
        }
    }
    #expect(abs(try #require(made.logEvidence) - log(evidence)) < 1e-14)
  }

  /// log p(x) of each datum is a logarithm of a sum, and the posterior's ELBO is the evidence.
  @Test func mixture() throws {
    var model = GaussianMixture()
    (model.x, model.means, model.scale, model.probability) = ([-0.5, 1.3], [-1, 0.5, 2], 0.7, [1, 2, 5])
    let made = try #require(try model.makeIntegrand() as? GaussianMixture)
    let evidence = model.x.reduce(0.0) { total, x in
      let mixture = zip(model.means, [0.125, 0.25, 0.625]).reduce(0.0) { sum, component in
        let u = (x - component.0) / 0.7
        return sum + component.1 * exp(-0.5 * u * u) / (0.7 * (2 * Double.pi).squareRoot())
      }
      return total + log(mixture)
    }
    #expect(abs(try #require(made.logEvidence) - evidence) < 1e-14)
    let family = MeanFieldCategorical(dimension: 6, categories: 3)
    let posterior = try #require(made.namedDistributions["posterior"].flatMap { family.parameters(of: $0) })
    let exact = try #require(
      family.exactExpectation(of: [.prior, .likelihood, .entropy], for: made, parameters: posterior))
    #expect(abs(exact.value - evidence) < 1e-13)
    #expect(exact.gradient.allSatisfy { abs($0) < 1e-14 })
  }

  static let relaxable: [(any IntegrandSpecification, Term)] = {
    var ising = IsingModel(), network = SigmoidBeliefNetwork(), mixture = GaussianMixture()
    (ising.rows, ising.columns, ising.isPeriodic) = (2, 3, true)
    (network.layersText, network.x) = ("3x2", "1101")
    mixture.x = [0.4, -1]
    return [(ising, .prior), (network, .prior), (network, .likelihood), (mixture, .likelihood)]
  }()

  /// Between the states ∇_z is the derivative of the values.
  @Test(arguments: relaxable.indices) func relaxedGradients(_ index: Int) throws {
    let (specification, term) = Self.relaxable[index], model = try specification.makeIntegrand()
    let (d, h) = (model.dimension, 1e-5), lanes = 2 * d + 1
    // Lane 0 is the point; the others are h before and behind it in each coordinate.
    var z = [Double](repeating: 0, count: d * lanes)
    for i in 0..<d {
      for lane in 0..<lanes {
        z[i * lanes + lane] = 0.15 + 0.1 * Double(i * 5 % 7)
      }
      z[i * lanes + 2 * i + 1] += h
      z[i * lanes + 2 * i + 2] -= h
    }
    let found = try Computed(term, of: model, at: z, samples: 1, lanes: lanes)
    for i in 0..<d {
      let slope = (found.values[2 * i + 1] - found.values[2 * i + 2]) / (2 * h)
      #expect(abs(found.gradient[i * lanes] - slope) < 1e-8 * max(1, abs(slope)))
    }
  }
}
