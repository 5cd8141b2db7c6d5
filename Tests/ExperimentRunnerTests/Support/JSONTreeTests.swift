import ExperimentRunner
import Testing

@Suite struct JSONTreeTests {
  @Test func positionsCountScalarsAndAllLineEnds() throws {
    let text = "{\"é😀\": 1,\r\n  \"b\": [true,\rnull],\n\"c\": {}}"
    let root = try JSONNode.parse(Array(text.utf8))
    guard case .object(let members) = root.value else { throw Unexpected() }
    #expect(members.map(\.key) == ["é😀", "b", "c"])
    #expect(members.map(\.keyLine) == [1, 2, 4])
    #expect(members.map(\.keyColumn) == [2, 3, 1])
    #expect(members.map(\.node.line) == [1, 2, 4])
    #expect(members.map(\.node.column) == [8, 8, 6])
    guard case .array(let elements) = members[1].node.value else { throw Unexpected() }
    #expect(elements.map(\.line) == [2, 3])
    #expect(elements.map(\.column) == [9, 1])
  }

  @Test func repeatedKeysAreKept() throws {
    guard case .object(let members) = try JSONNode.parse(Array(#"{"a":1,"a":2}"#.utf8)).value
    else { throw Unexpected() }
    #expect(members.map(\.key) == ["a", "a"])
    #expect(members.map(\.node.value) == [.number("1"), .number("2")])
  }

  @Test(arguments: [
    ("null", "null"), ("false", "a Boolean"), ("-1", "a number"), ("\"\"", "a string"),
    ("[]", "an array"), ("{}", "an object"),
  ])
  func kinds(text: String, kind: String) throws {
    #expect(try JSONNode.parse(Array(text.utf8)).kind == kind)
  }

  @Test func errorsReadAsOneLine() {
    #expect("\(JSONError(text: "[1,\n2,]"))" == "line 2, column 2: trailing comma")
  }
}

struct Unexpected: Error {}

extension JSONError {
  /// The error of parsing `bytes`, or one which no parser reports.
  init(bytes: [UInt8]) {
    do throws(JSONError) {
      _ = try JSONNode.parse(bytes)
      self = JSONError(text: "[")
      message = "no error"
    } catch {
      self = error
    }
  }

  /// The error of parsing `text`.
  init(text: String) { self.init(bytes: Array(text.utf8)) }
}
