import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct EightSchoolsTests {
  static let y: [Double] = [28, 8, -3, 7, -1, 1, 18, 12]
  static let s: [Double] = [15, 10, 16, 11, 9, 11, 10, 18]

  static func model(_ parametrisation: EightSchools.Parametrisation) -> EightSchools {
    var model = EightSchools()
    model.parametrisation = parametrisation
    return model
  }

  /// log p(log tau), tau half-Cauchy(5): the density of tau times tau.
  static func logHalfCauchy(_ u: Double) -> Double {
    log(2 / (Double.pi * 5 * (1 + exp(2 * u) / 25))) + u
  }

  @Test func centredValuesAndGradients() throws {
    let model = Self.model(.centred)
    try checkEvaluation(.prior, of: model, samples: 2, lanes: 5) { z in
      [logNormal(z[0], 0, 5) + Self.logHalfCauchy(z[1])] + z[2...].map { logNormal($0, z[0], exp(z[1])) }
    }
    try checkEvaluation(.likelihood, of: model, samples: 2, lanes: 5) { z in
      (0..<8).map { logNormal(Self.y[$0], z[2 + $0], Self.s[$0]) }
    }
  }

  @Test func nonCentredValuesAndGradients() throws {
    let model = Self.model(.nonCentred)
    try checkEvaluation(.prior, of: model, samples: 3, lanes: 4) { z in
      [logNormal(z[0], 0, 5) + Self.logHalfCauchy(z[1])] + z[2...].map { logNormal($0, 0, 1) }
    }
    try checkEvaluation(.likelihood, of: model, samples: 3, lanes: 4) { z in
      (0..<8).map { logNormal(Self.y[$0], z[0] + exp(z[1]) * z[2 + $0], Self.s[$0]) }
    }
  }

  static let mean = [1, 0.4, 3, -2, 0.5, 1, 2, -1, 0.2, 4], scale = [1.5, 0.3, 1, 0.4, 2, 1.2, 0.7, 0.3, 1, 0.5]

  @Test(arguments: EightSchools.Parametrisation.allCases)
  func moments(_ parametrisation: EightSchools.Parametrisation) throws {
    for term in [Term.prior, .likelihood] {
      try checkMomentsByDraws(term, of: Self.model(parametrisation), mean: Self.mean, scale: Self.scale)
    }
  }

  @Test(arguments: EightSchools.Parametrisation.allCases)
  func covarianceMoments(_ parametrisation: EightSchools.Parametrisation) throws {
    try checkCovarianceMoments(of: Self.model(parametrisation), mean: Self.mean)
  }

  /// A posterior expectation by the rule over u, weighted by p(u | y).
  static func posterior(_ value: (Double, EightSchoolsMarginal) -> Double) -> Double {
    let points = EightSchoolsMarginal.rule.map { ($0, EightSchoolsMarginal(logScale: $0)) }
    let weights = points.map { exp($0.1.logDensity) }
    return zip(points, weights).reduce(0) { $0 + $1.1 * value($1.0.0, $1.0.1) } / weights.reduce(0, +)
  }

  @Test func evidence() throws {
    for parametrisation in EightSchools.Parametrisation.allCases {
      let evidence = try #require(Self.model(parametrisation).logEvidence)
      #expect(abs(evidence + 31.311347) < 5e-7)
    }
    // Half the points, at another phase, give the same to rounding.
    let coarse = stride(from: 1, to: EightSchoolsMarginal.rule.count, by: 2).reduce(0.0) {
      $0 + exp(EightSchoolsMarginal(logScale: EightSchoolsMarginal.rule[$1]).logDensity) / 8
    }
    #expect(try abs(log(coarse) - #require(EightSchools().logEvidence)) < 1e-13)
  }

  @Test func posteriorMeans() {
    let mean = Self.posterior { $1.mean }
    #expect(abs(mean - 4.396821) < 5e-7)
    let square = Self.posterior { $1.variance + $1.mean * $1.mean }
    #expect(abs((square - mean * mean).squareRoot() - 3.317704) < 5e-7)
    #expect(abs(Self.posterior { u, _ in exp(u) } - 3.597705) < 5e-7)
    #expect(abs(Self.posterior { u, _ in u } - 0.802139) < 5e-7)
    let published = [6.21188, 4.94018, 3.92700, 4.75710, 3.61548, 4.04261, 6.29672, 4.85425]
    for (j, effect) in published.enumerated() { #expect(abs(Self.posterior { $1.effects[j] } - effect) < 5e-6) }
  }

  /// p(u, y) is what is left of p(z, y) = p(mu, theta | u, y) p(u, y): the joint density over its conditional, a normal one.
  @Test func theMarginalIsThatOfTheModel() throws {
    for u in [-3, 0.2, 1.5, 4] {
      let marginal = EightSchoolsMarginal(logScale: u), square = exp(2 * u)
      let z = [marginal.mean, u] + marginal.effects, model = Self.model(.centred)
      let joint =
        try Computed(.prior, of: model, at: z, samples: 1, lanes: 1).values[0]
        + Computed(.likelihood, of: model, at: z, samples: 1, lanes: 1).values[0]
      // At its mean the conditional is the product of its factors' heights.
      let conditional =
        logNormal(0, 0, marginal.variance.squareRoot())
        + Self.s.reduce(0) { $0 + logNormal(0, 0, (1 / (1 / square + 1 / ($1 * $1))).squareRoot()) }
      #expect(abs(joint - conditional - marginal.logDensity) < 1e-12 * (1 + abs(joint)))
    }
  }
}
