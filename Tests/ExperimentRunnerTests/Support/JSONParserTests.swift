import ExperimentRunner
import Testing

@Suite struct JSONParserTests {
  @Test(arguments: [
    "0", "-0", "10", "1.5", "-1.50e+10", "1E5", "0e-05", "0.0", "123456789012345678901234567890",
  ])
  func numbersKeepTheirText(text: String) throws {
    #expect(try JSONNode.parse(Array(text.utf8)).value == .number(text))
  }

  @Test(arguments: [
    (#""""#, ""), (#""a\"\\\/\b\f\n\r\tb""#, "a\"\\/\u{8}\u{C}\n\r\tb"), (#""\u00e9\u00E9é""#, "ééé"),
    (#""\ud83d\ude00""#, "😀"), (#""\u0000""#, "\0"), ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
    (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\uD7FF\uE000""#, "\u{D7FF}\u{E000}"),
  ])
  func strings(text: String, value: String) throws {
    #expect(try JSONNode.parse(Array(text.utf8)).value == .string(value))
  }

  @Test(arguments: [
    ("", 1, 1, "the document is empty"),
    (" \n ", 2, 2, "the document is empty"),
    ("\u{FEFF}", 1, 1, "the document is empty"),
    ("{\"a\": 1 \"b\": 2}", 1, 9, "expected ',' or '}' after a value"),
    ("[1 2]", 1, 4, "expected ',' or ']' after a value"),
    ("[1}", 1, 3, "expected ',' or ']' after a value"),
    ("[1, 2,]", 1, 6, "trailing comma"),
    ("{\"a\": 1,\n}", 1, 8, "trailing comma"),
    ("[1,,2]", 1, 4, "expected a value, not ','"),
    ("[,1]", 1, 2, "expected a value, not ','"),
    ("{\"a\":}", 1, 6, "expected a value, not '}'"),
    ("{\"a\" 1}", 1, 6, "expected ':' after a key"),
    ("{a: 1}", 1, 2, "expected a key in double quotes"),
    ("{1: 1}", 1, 2, "expected a key in double quotes"),
    ("{,}", 1, 2, "expected a key in double quotes"),
    ("[\n\"ab", 2, 1, "a string is not closed"),
    ("[\"ab\n\"]", 1, 2, "a string is not closed"),
    ("\"\\", 1, 2, "a string is not closed"),
    (" [1", 1, 2, "an array is not closed"),
    ("{\"a\": [1]", 1, 1, "an object is not closed"),
    ("{", 1, 1, "an object is not closed"),
    ("[1,", 1, 4, "the document ends where a value is expected"),
    ("[", 1, 2, "the document ends where a value is expected"),
    ("NaN", 1, 1, "'NaN' is not JSON"),
    ("[-Infinity]", 1, 2, "'-Infinity' is not JSON"),
    ("[True]", 1, 2, "'True' is not JSON"),
    ("nulls", 1, 1, "'nulls' is not JSON"),
    ("+1", 1, 1, "'+1' is not JSON"),
    (".5", 1, 1, "'.5' is not JSON"),
    ("-", 1, 1, "'-' is not JSON"),
    ("0x10", 1, 1, "'0x10' is not JSON"),
    ("1_000", 1, 1, "'1_000' is not JSON"),
    ("[012]", 1, 2, "leading zeros"),
    ("-00", 1, 1, "leading zeros"),
    ("1.", 1, 3, "expected a digit after '.'"),
    ("1.e5", 1, 3, "expected a digit after '.'"),
    ("1e+", 1, 4, "expected a digit in the exponent"),
    ("'a'", 1, 1, "expected a value, not '''"),
    ("[é]", 1, 2, "expected a value, not 'é'"),
    ("[\u{A0}1]", 1, 2, "expected a value, not '\\u{00A0}'"),
    ("[\0]", 1, 2, "expected a value, not '\\0'"),
    ("\"é\t\"", 1, 3, "control character in a string"),
    (#""\x41""#, 1, 2, "a backslash before 'x' in a string"),
    (#""\u12g4""#, 1, 6, "expected four hexadecimal digits after '\\u'"),
    (#""\u+123""#, 1, 4, "expected four hexadecimal digits after '\\u'"),
    (#""\ud800""#, 1, 2, "lone surrogate"),
    (#""a\udc00""#, 1, 3, "lone surrogate"),
    (#""\ud800\u0041""#, 1, 2, "lone surrogate"),
    (#""\ud800\n""#, 1, 2, "lone surrogate"),
    ("// note\n1", 1, 1, "comments are not JSON"),
    ("[1, /* two */ 2]", 1, 5, "comments are not JSON"),
    ("{} # end", 1, 4, "comments are not JSON"),
    ("[1/2]", 1, 3, "expected ',' or ']' after a value"),
    ("{} {}", 1, 4, "text after the end of the document"),
    ("1 2", 1, 3, "text after the end of the document"),
  ])
  func faults(text: String, line: Int, column: Int, message: String) {
    let error = JSONError(text: text)
    #expect(error.message == message)
    #expect(error.line == line)
    #expect(error.column == column)
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x5B, 0x80, 0x5D], [0xFF, 0xFE, 0x5B, 0x00],
      [0x5B, 0x31, 0xC3, 0x5D], [0x7B, 0xE9, 0x7D], [0x31, 0x20, 0xFF],
    ] as [[UInt8]])
  func bytesThatAreNotUTF8(bytes: [UInt8]) {
    #expect(JSONError(bytes: bytes).message == "invalid UTF-8")
  }

  @Test func byteOrderMarkIsTolerated() throws {
    let node = try JSONNode.parse([0xEF, 0xBB, 0xBF] + Array("[]".utf8))
    #expect(node.value == .array([]))
    #expect(node.column == 1)
  }

  @Test func nestingIsLimited() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONNode.parse(Array(nested(100).utf8))
    let error = JSONError(text: nested(101))
    #expect(error.message == "nested deeper than 100")
    #expect(error.column == 101)
    let objects = String(repeating: "{\"a\":", count: 1_000_000)
    #expect(JSONError(text: objects).message == "nested deeper than 100")
  }

  @Test func mutationsAndPrefixesNeverCrash() {
    let seed = Array(#"{"a é😀": [1, -2.5e+10, true, null, "x\ud83d\ude00\n"], "b": {"c": [], "d": {}}}"#.utf8)
    for count in seed.indices {
      #expect(JSONError(bytes: Array(seed[..<count])).message != "no error")
    }
    var generator = SeededGenerator(state: 1)
    for _ in 0..<5000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = generator.next()
      }
      let error = JSONError(bytes: bytes)
      #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty)
    }
  }
}
