import Foundation
import GradientEstimation
@testable import LatentModels
import Testing
import VariationalFamilies

@Suite struct ProbabilisticPCATests {
  static func model(_ change: (inout ProbabilisticPCA) -> Void = { _ in }) throws -> ProbabilisticPCA {
    var specification = ProbabilisticPCA()
    change(&specification)
    return try #require(try specification.makeIntegrand() as? ProbabilisticPCA)
  }

  /// The maximum of the log likelihood of a datum, on average, as Lucas et al. (2019) has it: iris as it is, wine
  /// standardised.
  @Test(arguments: [
    ("iris", 1, -3.13779639), ("iris", 2, -2.69975187), ("iris", 3, -2.53276420), ("wine", 1, -17.00446677),
    ("wine", 2, -16.15525989), ("wine", 3, -15.70179197), ("wine", 5, -15.21264511), ("wine", 10, -14.68799985),
  ])
  func evidenceOfAllData(_ data: String, _ components: Int, _ known: Double) throws {
    let model = try Self.model {
      ($0.data, $0.components, $0.datum, $0.standardize) = (data, components, nil, data == "wine")
    }
    let count = data == "iris" ? 150 : 178
    #expect(model.dimension == count * components)
    #expect(try abs(#require(model.logEvidence) / Double(count) - known) < 6e-9)
  }

  /// p(x | z) written out, with W and σ² by equations (7) and (8); values, gradients, moments.
  @Test(arguments: [(1, 2), (107, 1), (51, 3)]) func valuesGradientsAndMoments(_ datum: Int, _ components: Int) throws {
    let model = try Self.model { ($0.datum, $0.components) = (datum, components) }
    let table = try NumericTable.load("iris"), d = 4
    let rows = (0..<150).flatMap { n in (0..<d).map { table.values[n * 5 + $0] } }
    let found = try #require(PrincipalComponents(rows, dimension: d))
    let variance = found.variances[components...].reduce(0, +) / Double(d - components)
    let x = Array(rows[(datum - 1) * d..<datum * d])
    func likelihood(_ z: [Double]) -> Double {
      (0..<d).reduce(0) { sum, i in
        let mean = (0..<components).reduce(found.mean[i]) {
          $0 + found.axes[$1 * d + i] * (found.variances[$1] - variance).squareRoot() * z[$1]
        }
        return sum + logNormal(x[i], mean, variance.squareRoot())
      }
    }
    let z = try normals(2, components * 6), computed = try Computed(.likelihood, of: model, at: z, samples: 2, lanes: 3)
    for k in 0..<2 {
      for lane in 0..<3 {
        let point = (0..<components).map { z[(k * components + $0) * 3 + lane] }, wanted = likelihood(point)
        #expect(abs(computed.values[k * 3 + lane] - wanted) < 1e-10 * (1 + abs(wanted)))
        let coordinates = (0..<components).reduce(0.0) { $0 + computed.coordinates[(k * components + $1) * 3 + lane] }
        #expect(abs(coordinates - wanted) < 1e-10 * (1 + abs(wanted)))
        for i in 0..<components {
          let slope = derivative(at: point[i]) { moved in
            var point = point
            point[i] = moved
            return likelihood(point)
          }
          #expect(abs(computed.gradient[(k * components + i) * 3 + lane] - slope) < 1e-8 * (1 + abs(slope)))
        }
      }
    }
    let mean = try normals(3, components), scale = try normals(4, components).map { exp(0.3 * $0) }
    for term in [Term.prior, .likelihood] { try checkMomentsByDraws(term, of: model, mean: mean, scale: scale) }
    try checkCovarianceMoments(of: model, mean: mean)
  }

  /// log p(x, z) − log p(z | x) is log p(x) whatever z, and the posterior is one of the family.
  @Test func thePosteriorIsExact() throws {
    let model = try Self.model { $0.datum = 20 }, evidence = try #require(model.logEvidence)
    let posterior = try #require(model.namedDistributions["posterior"] as? DiagonalNormal)
    for lane in 0..<4 {
      let z = try normals(UInt(10 + lane), 2)
      let joint = try [Term.prior, .likelihood].reduce(0) {
        try $0 + Computed($1, of: model, at: z, samples: 1, lanes: 1).values[0]
      }
      let density = (0..<2).reduce(0) { $0 + logNormal(z[$1], posterior.mean[$1], posterior.scale[$1]) }
      #expect(abs(joint - density - evidence) < 1e-11 * (1 + abs(joint)))
    }
    #expect(MeanFieldNormal(dimension: 2).parameters(of: posterior) != nil)
  }

  /// Σ over the data of what each datum has.
  @Test func allDataAreTheSum() throws {
    let all = try #require(try Self.model { $0.datum = nil }.logEvidence)
    let single = try (1...150).reduce(0) { sum, n in
      try sum + #require(try Self.model { $0.datum = n }.logEvidence)
    }
    #expect(abs(all - single) < 1e-10)
  }

  /// C u = λ u, and lengths are 1, for a covariance that is known.
  @Test func principalComponents() throws {
    let found = try #require(PrincipalComponents([3, 1, -3, -1, 1, -2, -1, 2], dimension: 2))
    let covariance = [5.0, 0.5, 0.5, 2.5]
    #expect(found.mean == [0, 0] && found.variances[0] > found.variances[1])
    for i in 0..<2 {
      let u = Array(found.axes[2 * i..<2 * i + 2])
      for j in 0..<2 {
        let image = covariance[2 * j] * u[0] + covariance[2 * j + 1] * u[1]
        #expect(abs(image - found.variances[i] * u[j]) < 1e-14)
      }
      let length = (u[0] * u[0] + u[1] * u[1]).squareRoot()
      let largest = abs(u[0]) > abs(u[1]) ? u[0] : u[1]
      #expect(abs(length - 1) < 1e-15)
      #expect(largest > 0)
    }
  }

  @Test func faults() throws {
    let file = try TemporaryFile("a,b,c\n1,2,0\n3,4,1\n5,6,0\n"),
      square = try TemporaryFile("a,b\n1,1\n1,-1\n-1,1\n-1,-1\n")
    func fault(_ change: (inout ProbabilisticPCA) -> Void) -> ComponentError? {
      #expect(throws: ComponentError.self) { try Self.model(change) }
    }
    #expect(
      fault { $0.components = 4 }
        == ComponentError(option: "components", "is 4, and must be less than the number of columns, 4"))
    #expect(fault { $0.datum = 151 } == ComponentError(option: "datum", "is 151, and the data have 150 rows"))
    #expect(
      fault { $0.label = "colour" }
        == ComponentError(
          option: "label",
          "iris has no column 'colour'; it has sepal_length, sepal_width, petal_length, petal_width, species"))
    // b = a + 1: one direction has all the variance, and there is no noise.
    #expect(fault { ($0.data, $0.components) = (file.path, 1) }?.option == "components")
    // Equal variances: none stands out.
    #expect(fault { ($0.data, $0.components, $0.label) = (square.path, 1, "none") }?.option == "components")
    #expect(try Self.model { ($0.data, $0.label, $0.components) = (file.path, "none", 1) }.dimension == 1)
  }
}
