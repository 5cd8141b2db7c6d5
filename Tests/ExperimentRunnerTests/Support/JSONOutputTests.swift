import ExperimentRunner
import Testing

@Suite struct JSONOutputTests {
  @Test func prettyPrinting() {
    let output: JSONOutput = [
      "name": "reinforce", "n": 1000, "seed": .unsigned(.max), "step": 0.1, "on": true, "off": nil,
      "row": [1, 2.5, "x"], "rows": [[1, 2], [3, 4]], "none": [], "empty": [:],
      "nested": ["b": 1, "a": 2],
    ]
    #expect(
      output.serialized() == """
        {
          "name": "reinforce",
          "n": 1000,
          "seed": 18446744073709551615,
          "step": 0.1,
          "on": true,
          "off": null,
          "row": [1, 2.5, "x"],
          "rows": [
            [1, 2],
            [3, 4]
          ],
          "none": [],
          "empty": {},
          "nested": {
            "b": 1,
            "a": 2
          }
        }
        """)
  }

  @Test func numbersRoundTrip() {
    let numbers: [(Double, String)] = [
      (1, "1"), (-0.0, "-0"), (0.1, "0.1"), (1e-5, "1e-05"), (1e22, "1e+22"),
      (.leastNonzeroMagnitude, "5e-324"),
      (.infinity, "\"inf\""), (-.infinity, "\"-inf\""), (.nan, "\"nan\""),
    ]
    for (number, text) in numbers { #expect(JSONOutput.number(number).serialized() == text) }
  }

  @Test func stringsAreEscapedAndReadBack() throws {
    let text =
      String(String.UnicodeScalarView((0..<0x250).compactMap { Unicode.Scalar($0 as UInt32) })) + "\"\u{301}😀"
    let written = JSONOutput.object([(key: text, value: .string(text))]).serialized()
    let expected = #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\t\n\u000b\u000c\r\u000e"#
    #expect(JSONOutput.string(text).serialized().hasPrefix(expected))
    guard case .object(let members) = try JSONNode.parse(Array(written.utf8)).value else {
      throw Unexpected()
    }
    #expect(members.first?.key == text)
    #expect(members.first?.node.value == .string(text))
  }

  @Test func longArraysAreBroken() throws {
    let long = JSONOutput.array((0..<40).map { .integer($0) })
    #expect(long.serialized().split(separator: "\n").count == 42)
    #expect(long.serialized(indent: -1).hasPrefix("[\n0,\n1,"))
    _ = try JSONNode.parse(Array(long.serialized().utf8))
    #expect(JSONOutput.array((0..<20).map { .integer($0) }).serialized().contains("\n") == false)
  }
}
