import ExperimentRunner
import Testing

@Suite struct NumberTextTests {
  @Test(
    arguments: [
      (1, "1"), (-3, "-3"), (1_000_000, "1000000"), (0, "0"), (-0.0, "-0"), (0.1, "0.1"), (1e-5, "1e-05"),
      (1e16, "1e+16"), (9_007_199_254_740_991, "9007199254740991"), (-2.5e-31, "-2.5e-31"),
      (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "nan"), (-.nan, "nan"), (.signalingNaN, "nan"),
    ] as [(Double, String)])
  func texts(x: Double, text: String) {
    #expect(numberText(x) == text)
  }

  @Test func allBitsComeBack() {
    var generator = SeededGenerator(state: 1)
    for _ in 0..<4000 {
      let x = Double(bitPattern: generator.next())
      guard !x.isNaN else { continue }
      #expect(Double(numberText(x))?.bitPattern == x.bitPattern)
      let short = Double.random(in: -1e6...1e6, using: &generator).rounded()
      #expect(Double(numberText(short))?.bitPattern == short.bitPattern)
    }
  }

  @Test(arguments: [
    ("", ""), ("plain text", "plain text"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
    ("a\r\nb", "\"a\r\nb\""), ("a\nb", "\"a\nb\""), ("a\rb", "\"a\rb\""), ("\"", "\"\"\"\""),
    ("\"\u{301}", "\"\"\"\u{301}\""), (",\u{301}", "\",\u{301}\""),
  ])
  func fields(text: String, field: String) {
    #expect(csvField(text) == field)
  }

  @Test(
    arguments: [
      (0, 3, "0"), (-0.0, 3, "0"), (1, 3, "1.00"), (-1.2345, 3, "-1.23"), (0.15, 1, "0.2"),
      (0.5, 4, "0.5000"),
      (123.456, 3, "123"), (123456.7, 3, "123457"), (999_499.9, 3, "999500"), (999_999.4, 3, "999999"),
      (999_999.5, 3, "1.00e6"), (1e6, 3, "1.00e6"), (2.4e-31, 2, "2.4e-31"), (-2.449e-31, 2, "-2.4e-31"),
      (1e-3, 3, "0.00100"), (9.99e-4, 3, "9.99e-4"), (9.996e-4, 3, "0.00100"), (9.996, 3, "10.0"),
      (99.96, 3, "100"), (9.5, 1, "10"), (9.5e9, 1, "1e10"), (1e300, 4, "1.000e300"),
      (.leastNonzeroMagnitude, 3, "5.00e-324"),
      (.infinity, 3, "inf"), (-.infinity, 3, "-inf"), (.nan, 3, "nan"), (1.25, 0, "1"), (1.5, -9, "2"),
      (0.1, 99, "0.10000000000000000"), (.greatestFiniteMagnitude, 3, "1.80e308"),
    ] as [(Double, Int, String)])
  func significantDigits(x: Double, digits: Int, text: String) {
    #expect(significant(x, digits: digits) == text)
  }

  @Test(
    arguments: [
      (0.73, 0.75, "[0.73, 0.75]"), (0.7304, 0.7512, "[0.730, 0.751]"), (0.1, 2.2, "[0.1, 2.2]"),
      (0, 1, "[0, 1]"),
      (-0.5, 0.25, "[-0.50, 0.25]"), (-0.00012, 0.0431, "[0.000, 0.043]"), (0.5, 0.5, "[0.5, 0.5]"),
      (0, 0, "[0, 0]"),
      (1.0 / 3, 1.0 / 3, "[0.3333, 0.3333]"), (2.3e-31, 2.5e-31, "[2.3e-31, 2.5e-31]"),
      (9.4e-32, 2.51e-31, "[9e-32, 2.5e-31]"), (12_345, 45_678, "[12345, 45678]"),
      (1_234_567, 1_234_999, "[1.23457e6, 1.23500e6]"), (0, 2.5e-9, "[0, 2.5e-9]"),
      (0.75, 0.73, "[0.75, 0.73]"),
      (0.5, .infinity, "[0.5000, inf]"), (.nan, .nan, "[nan, nan]"), (-.infinity, 1, "[-inf, 1.000]"),
    ] as [(Double, Double, String)])
  func intervals(low: Double, high: Double, text: String) {
    #expect(interval(low, high) == text)
  }

  @Test func figuresMatchTheirIntervals() {
    #expect(figure(0.741, low: 0.735, high: 0.747) == ("0.741", "[0.735, 0.747]"))
    #expect(figure(0.74123, low: 0.73511, high: 0.74689) == ("0.741", "[0.735, 0.747]"))
    #expect(figure(1, low: 1, high: 1) == ("1", "[1, 1]"))
    #expect(figure(.nan, low: 0.1, high: 0.2) == ("nan", "[0.1, 0.2]"))
    #expect(figure(0.2, low: .nan, high: .nan) == ("0.2000", "[nan, nan]"))
    #expect(figure(2.44e-31, low: 2.4e-31, high: 2.6e-31) == ("2.44e-31", "[2.40e-31, 2.60e-31]"))
    #expect(figure(99.96, low: 98.2, high: 101.3) == ("100.0", "[98.2, 101.3]"))
  }

  @Test func endsThatDifferReadDifferently() {
    var generator = SeededGenerator(state: 1)
    for _ in 0..<4000 {
      let low = Double(bitPattern: generator.next())
      let high = Bool.random(using: &generator) ? low.nextUp : Double(bitPattern: generator.next())
      guard low.isFinite, high.isFinite else {
        _ = figure(low, low: high, high: low)
        continue
      }
      let text = interval(low, high).dropFirst().dropLast().split(separator: ", ")
      #expect(text.count == 2 && text[0] != text[1])
      _ = figure(Double(bitPattern: generator.next()), low: low, high: high)
    }
  }
}
