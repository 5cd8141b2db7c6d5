/// A JSON value together with the place in the document where it begins.
///
/// The tree keeps what a strict reader needs for good messages: positions, the order of members,
/// repeated keys and the source text of numbers.
package struct JSONNode: Sendable, Equatable {
  /// The value itself.
  package var value: JSONValue
  /// The line on which the value begins, from 1. LF, CRLF and CR each end a line.
  package var line: Int
  /// The column at which the value begins, from 1, counted in Unicode scalars.
  package var column: Int

  /// What the value is, for messages: "a string", "an object", and so on.
  package var kind: String { value.kind }

  /// Another value at this place.
  func with(_ value: JSONValue) -> JSONNode { JSONNode(value: value, line: line, column: column) }

  /// Reads a document strictly by RFC 8259.
  ///
  /// The bytes must be UTF-8; a byte order mark is tolerated. Nesting is limited to 100 levels, so
  /// that no input can exhaust the stack.
  package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONNode {
    var parser = JSONParser(bytes: bytes)
    return try parser.document()
  }
}

/// The six kinds of JSON value.
package indirect enum JSONValue: Sendable, Equatable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A number, as the text that stands in the document; it obeys the grammar of JSON.
  case number(String)
  /// A string, with its escapes resolved.
  case string(String)
  /// The elements of an array.
  case array([JSONNode])
  /// The members of an object in the order of the document; repeated keys are all kept.
  case object([JSONMember])

  /// What the value is, for messages: "a string", "an object", and so on.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a Boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// One member of a JSON object.
package struct JSONMember: Sendable, Equatable {
  /// The key, with its escapes resolved.
  package var key: String
  /// The line of the key's opening quote, from 1.
  package var keyLine: Int
  /// The column of the key's opening quote, from 1.
  package var keyColumn: Int
  /// The value that belongs to the key.
  package var node: JSONNode
}

/// The first place at which a document is not JSON, and why.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The line of the fault, from 1.
  package var line: Int
  /// The column of the fault, from 1, counted in Unicode scalars.
  package var column: Int
  /// What is wrong, in a few words without a full stop.
  package var message: String

  /// The fault in one line, such as `line 3, column 7: trailing comma`.
  package var description: String { "line \(line), column \(column): \(message)" }
}
