import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

/// `glm` is the three regressions.
@Suite struct GeneralizedLinearModelTests {
  typealias Name = GeneralizedLinearModel.ResponseName

  static func model(
    _ response: Name, _ file: TemporaryFile, _ change: (inout GeneralizedLinearModel) -> Void = { _ in }
  ) throws -> any Integrand {
    var specification = GeneralizedLinearModel()
    (specification.responseName, specification.options.data) = (response, file.path)
    change(&specification)
    try specification.check()
    return try specification.makeIntegrand()
  }

  static func named(_ response: Name, _ file: TemporaryFile) throws -> any Integrand {
    func made<S: RegressionSpecification>(_ specification: S) throws -> any Integrand {
      var specification = specification
      specification.options.data = file.path
      return try specification.makeIntegrand()
    }
    return switch response {
    case .bernoulli: try made(LogisticRegression())
    case .normal: try made(LinearRegression())
    case .poisson: try made(PoissonRegression())
    }
  }

  /// The same bits: values, gradients, moments.
  @Test(arguments: Name.allCases) func theSameAsTheRegression(_ response: Name) throws {
    let file = try TemporaryFile("a,y,b\n1,0,10\n2,1,10\n3,1,40\n6,0,20\n")
    // The regression takes the last column; so does glm where nothing is said.
    let last = try TemporaryFile("a,b,y\n1,10,0\n2,10,1\n3,40,1\n6,20,0\n")
    let byName = try Self.model(response, file) { $0.options.target = "y" }
    let byDefault = try Self.model(response, last), regression = try Self.named(response, last)
    let z = try normals(2, 3 * 7)
    let wanted = try Computed(.likelihood, of: regression, at: z, samples: 1, lanes: 7)
    for model in [byName, byDefault] {
      let found = try Computed(.likelihood, of: model, at: z, samples: 1, lanes: 7)
      #expect(found.values == wanted.values && found.gradient == wanted.gradient)
    }
    let evidence = (byDefault as? any LatentModel)?.logEvidence
    #expect(evidence == (regression as? any LatentModel)?.logEvidence && (evidence != nil) == (response == .normal))
  }

  @Test func options() throws {
    let file = try TemporaryFile("a,y\n1,3\n2,2\n4,5\n")
    let model = try #require(
      try Self.model(.poisson, file) {
        ($0.options.standardize, $0.options.intercept, $0.options.minibatch, $0.options.priorScale) = (
          false, false, 2, 3
        )
      } as? Regression)
    #expect(model.data.design == [1, 2, 4] && model.minibatch == 2)
    #expect((model.prior as? DiagonalNormal)?.scale == [3])
    let narrow = try #require(try Self.model(.normal, file) { $0.noise = 0.5 } as? any LatentModel)
    let wide = try #require(try Self.model(.normal, file) as? any LatentModel)
    #expect(narrow.logEvidence != wide.logEvidence)
  }

  /// What does not fit is said with file, line and column; an option without effect is a fault.
  @Test func faults() throws {
    let file = try TemporaryFile("a,y\n1,3\n2,2.5\n")
    func fault(_ response: Name, _ change: (inout GeneralizedLinearModel) -> Void = { _ in }) -> ComponentError? {
      #expect(throws: ComponentError.self) { try Self.model(response, file, change) }
    }
    #expect(
      fault(.poisson)?.description == "\(file.path):3: column 'y' is 2.5; the target must be a count: 0, 1, 2, …")
    #expect(fault(.bernoulli)?.description == "\(file.path):2: column 'y' is 3.0; the target must be 0 or 1")
    #expect(fault(.normal) { $0.options.target = "w" }?.description == "\(file.path) has no column 'w'; it has a, y")
    #expect(
      fault(.poisson) { $0.noise = 2 } == ComponentError(option: "noise", "has no effect with response=poisson"))
    #expect(fault(.normal) { $0.options.minibatch = 9 }?.option == "minibatch")
  }
}
