import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct RegressionDataTests {
  static let text = "a,y,b\n1,0,10\n2,1,10\n3,1,40\n6,0,20\n"

  static func data(
    _ text: String = text, target: String = "y", in domain: TargetDomain = .labels, standardize: Bool = false,
    intercept: Bool = false
  ) throws -> RegressionData {
    try RegressionData(
      try NumericTable(source: "data.csv", text: text), target: target, in: domain,
      standardize: standardize, intercept: intercept)
  }

  @Test func targetByNameAndTheRestInOrder() throws {
    let data = try Self.data()
    #expect(data.columns == ["a", "b"] && data.target == [0, 1, 1, 0])
    #expect(data.design == [1, 10, 2, 10, 3, 40, 6, 20])
    let last = try Self.data("a,b\n5,1\n6,0\n", target: "")
    #expect(last.columns == ["a"] && last.target == [1, 0] && last.design == [5, 6])
  }

  @Test func interceptIsALastColumnOfOnes() throws {
    let data = try Self.data(standardize: true, intercept: true)
    #expect(data.columns == ["a", "b", "intercept"])
    #expect((0..<4).allSatisfy { data.design[3 * $0 + 2] == 1 })
    // The intercept alone will do.
    #expect(try Self.data("y\n1\n0\n", target: "", intercept: true).design == [1, 1])
  }

  /// Mean 0 and standard deviation 1, that of the population: Σ x² = N. Column a has mean 3 and variance 14/4.
  @Test func standardisation() throws {
    let data = try Self.data(standardize: true)
    for column in 0..<2 {
      let x = (0..<4).map { data.design[2 * $0 + column] }
      #expect(abs(x.reduce(0, +)) < 1e-15 && abs(x.reduce(0) { $0 + $1 * $1 } - 4) < 1e-14)
    }
    #expect(abs(data.design[6] - 3 / 3.5.squareRoot()) < 1e-15)
  }

  /// The same file as labels, counts and numbers: what a target must be is the model's to say.
  @Test func whatATargetMustBe() throws {
    let fraction = "a,y\n1,3\n2,2.5\n", negative = "a,y\n1,0\n2,-1\n", huge = "a,y\n1,1e17\n2,0\n"
    func message(_ text: String, _ domain: TargetDomain) -> String? {
      #expect(throws: ComponentError.self) { try Self.data(text, in: domain) }?.description
    }
    let counts = "the target must be a count: 0, 1, 2, …"
    #expect(message(fraction, .counts) == "data.csv:3: column 'y' is 2.5; \(counts)")
    #expect(message(negative, .counts) == "data.csv:3: column 'y' is -1.0; \(counts)")
    #expect(message(huge, .counts) == "data.csv:2: column 'y' is 1e+17; \(counts)")
    #expect(message(fraction, .labels) == "data.csv:2: column 'y' is 3.0; the target must be 0 or 1")
    #expect(try Self.data("a,y\n1,3\n2,0\n", in: .counts).target == [3, 0])
    #expect(try Self.data(fraction, in: .numbers).target == [3, 2.5])
  }

  /// Numbers are standardised with the columns; labels and counts stay what they are.
  @Test func targetsThatAreStandardised() throws {
    let text = "a,y\n1,0\n2,0\n4,1\n3,1\n"
    #expect(try Self.data(text, in: .numbers, standardize: true).target == [-1, -1, 1, 1])
    #expect(try Self.data(text, in: .numbers).target == [0, 0, 1, 1])
    #expect(try Self.data(text, in: .counts, standardize: true).target == [0, 0, 1, 1])
    #expect(try Self.data(text, in: .labels, standardize: true).target == [0, 0, 1, 1])
    let error = #expect(throws: ComponentError.self) {
      try Self.data("a,y\n1,7\n2,7\n", in: .numbers, standardize: true)
    }
    #expect(
      error
        == ComponentError(
          option: "standardize",
          "data.csv: column 'y' is constant and cannot be standardised; drop it or use standardize=false"))
  }

  @Test func faults() throws {
    func error(_ text: String = Self.text, target: String = "y", standardize: Bool = false) -> ComponentError? {
      #expect(throws: ComponentError.self) { try Self.data(text, target: target, standardize: standardize) }
    }
    #expect(error(target: "z") == ComponentError(option: "target", "data.csv has no column 'z'; it has a, y, b"))
    #expect(
      error(target: "b")
        == ComponentError(option: "target", "data.csv:2: column 'b' is 10.0; the target must be 0 or 1"))
    #expect(
      error("a,y\n1,0\n2,1\n3,-1\n")
        == ComponentError(option: "target", "data.csv:4: column 'y' is -1.0; the target must be 0 or 1"))
    #expect(error("y\n1\n0\n") == ComponentError(option: "data", "data.csv: there is no column beside the target"))
    #expect(
      error("a,c,y\n1,7,0\n2,7,1\n", standardize: true)
        == ComponentError(
          option: "standardize",
          "data.csv: column 'c' is constant and cannot be standardised; drop it or use standardize=false"))
    #expect(try Self.data("a,c,y\n1,7,0\n2,7,1\n").design == [1, 7, 2, 7])
  }

  /// A constant that is not exact in binary is constant all the same: rounding of the mean is no spread.
  @Test func aConstantThatRoundsIsConstant() throws {
    let rows = (0..<7).map { "0.1,\($0 % 2)\n" }.joined()
    let error = #expect(throws: ComponentError.self) { try Self.data("c,y\n" + rows, standardize: true) }
    #expect(error?.option == "standardize")
  }

  @Test func shippedData() throws {
    let data = try RegressionData(
      try NumericTable.load("breast-cancer"), target: "", in: .labels, standardize: true, intercept: true)
    #expect(data.columns.count == 31 && data.target.count == 569 && data.target.reduce(0, +) == 357)
    for column in 0..<30 {
      let x = (0..<569).map { data.design[31 * $0 + column] }
      #expect(abs(x.reduce(0, +)) < 1e-10 && abs(x.reduce(0) { $0 + $1 * $1 } - 569) < 1e-10)
    }
  }
}
