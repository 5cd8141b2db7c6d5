import GradientEstimation
import Testing

@Suite struct OptionTests {
  enum Colour: String, CaseIterable, Sendable { case red, darkBlue = "dark-blue" }

  /// One option of each kind.
  struct Example: Component {
    var flag = false
    var count = 3
    var limit: Int?
    var rate = 0.5
    var share = 0.25
    var weights = [1.0]
    var colour = Colour.red
    var name = "a"

    static let descriptor = Descriptor<Self>(
      id: "example", summary: "one option of each kind",
      options: [
        .flag("flag", \.flag, ""), .integer("count", \.count, in: 1...10, ""),
        .integer("limit", \.limit, in: 2...4, ""), .real("rate", \.rate, in: .positive, ""),
        .real("share", \.share, in: RealBounds(lower: 0, upper: 1), ""), .reals("weights", \.weights, in: .any, ""),
        .choice("colour", \.colour, ""), .text("name", \.name, ""),
      ])
  }

  static func option(_ name: String) throws -> Option<Example> {
    try #require(Example.descriptor.options.first { $0.name == name })
  }

  static let accepted: [(String, [OptionValue])] = [
    ("flag", [.flag(true), .flag(false)]), ("count", [.integer(1), .integer(10), .integer(7)]),
    ("limit", [.integer(2), .integer(4), .none]),
    ("rate", [.real(1e-300), .real(.greatestFiniteMagnitude), .real(.leastNonzeroMagnitude)]),
    ("share", [.real(0), .real(1), .real(0.5)]), ("weights", [.reals([-1e300, 0, 2]), .reals([7])]),
    ("colour", [.text("dark-blue"), .text("red")]), ("name", [.text(""), .text("any / text")]),
  ]

  @Test(arguments: accepted) func whatIsAcceptedIsStored(_ name: String, _ values: [OptionValue]) throws {
    let option = try Self.option(name)
    for value in values {
      var example = Example()
      #expect(option.kind.accepts(value) && option.store(value, in: &example), "\(name) \(value)")
      #expect(option.value(in: example) == value)
    }
  }

  static let refused: [(String, [OptionValue])] = [
    ("flag", [.integer(1), .text("true"), .none]),
    ("count", [.integer(0), .integer(11), .integer(.min), .none, .real(3), .flag(true)]),
    ("limit", [.integer(1), .integer(5), .real(3), .text("none")]),
    (
      "rate",
      [.real(0), .real(-0.0), .real(-1), .real(.nan), .real(.infinity), .real(-.infinity), .integer(1), .reals([1])]
    ),
    ("share", [.real(0 - .leastNonzeroMagnitude), .real(1.0.nextUp), .real(.nan), .real(.infinity)]),
    ("weights", [.reals([]), .reals([1, .nan]), .reals([.infinity]), .reals([-.infinity, 1]), .real(1)]),
    ("colour", [.text("Red"), .text("darkBlue"), .text(""), .integer(0)]), ("name", [.flag(true), .integer(1), .none]),
  ]

  @Test(arguments: refused) func whatIsRefusedChangesNothing(_ name: String, _ values: [OptionValue]) throws {
    let option = try Self.option(name)
    for value in values {
      var example = Example()
      #expect(!option.kind.accepts(value) && !option.store(value, in: &example), "\(name) \(value)")
      #expect(example == Example())
    }
  }

  @Test func aKindSaysWhatItHolds() throws {
    #expect(try Self.option("count").kind == .integer(1...10))
    #expect(try Self.option("limit").kind == .optionalInteger(2...4))
    #expect(try Self.option("rate").kind == .real(.positive))
    #expect(try Self.option("colour").kind == .choice(["red", "dark-blue"]))
  }

  @Test func boundsExcludeWhereTheySaySo() {
    #expect(RealBounds(lower: 1).contains(1) && !RealBounds(lower: 1, excludesLower: true).contains(1))
    #expect(RealBounds(lower: nil, upper: 2).contains(2) && !RealBounds(lower: nil, upper: 2).contains(2.0.nextUp))
    for x in [Double.nan, .infinity, -.infinity] { #expect(!RealBounds.any.contains(x)) }
  }
}
