/// A recursive-descent parser of JSON which stands at one byte of a document; see
/// ``JSONNode/parse(_:)``.
struct JSONParser {
  typealias Place = (line: Int, column: Int)

  private static let deepest = 100
  let bytes: [UInt8]
  var position: Int
  var place: Place = (1, 1)

  /// A parser at the beginning of `bytes`, past a byte order mark.
  init(bytes: [UInt8]) {
    self.bytes = bytes
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// The value that makes up the whole document.
  mutating func document() throws(JSONError) -> JSONNode {
    try skipSpace()
    if peek() == nil { throw error("the document is empty") }
    let node = try node(depth: 0)
    try skipSpace()
    if peek() != nil { throw error("text after the end of the document") }
    return node
  }

  // MARK: Values

  private mutating func node(depth: Int) throws(JSONError) -> JSONNode {
    let start = place
    let value = try value(depth: depth)
    return JSONNode(value: value, line: start.line, column: start.column)
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    switch peek() {
    case "{", "[":
      if depth == Self.deepest { throw error("nested deeper than \(Self.deepest)") }
      return try peek() == "{" ? object(depth: depth + 1) : array(depth: depth + 1)
    case "\"": return .string(try string())
    case "-", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9": return .number(try number())
    case nil: throw error("the document ends where a value is expected")
    default: break
    }
    let word = word()
    switch word {
    case "true", "false", "null":
      advance(word.utf8.count)
      return word == "null" ? .null : .bool(word == "true")
    case "": throw error("expected a value, not \(try quotedScalar())")
    default: throw error("'\(word)' is not JSON")
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    let opening = place
    var elements: [JSONNode] = []
    advance()
    try skipSpace()
    var isOpen = peek() != "]"
    if !isOpen { advance() }
    while isOpen {
      elements.append(try node(depth: depth))
      isOpen = try continues(until: "]", from: opening)
    }
    return .array(elements)
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    let opening = place
    var members: [JSONMember] = []
    advance()
    try skipSpace()
    var isOpen = peek() != "}"
    if !isOpen { advance() }
    while isOpen {
      let start = place
      guard let quote = peek() else { throw error("an object is not closed", at: opening) }
      guard quote == "\"" else { throw error("expected a key in double quotes") }
      let key = try string()
      try skipSpace()
      guard peek() == ":" else { throw error("expected ':' after a key") }
      advance()
      try skipSpace()
      let node = try node(depth: depth)
      members.append(
        JSONMember(key: key, keyLine: start.line, keyColumn: start.column, node: node))
      isOpen = try continues(until: "}", from: opening)
    }
    return .object(members)
  }

  /// Steps over what follows a value in an array or object: true after a comma, false after the
  /// bracket that closes it.
  private mutating func continues(
    until closing: Unicode.Scalar, from opening: Place
  ) throws(JSONError) -> Bool {
    try skipSpace()
    let end = place
    switch peek() {
    case closing:
      advance()
      return false
    case ",":
      advance()
      try skipSpace()
      if peek() == closing { throw error("trailing comma", at: end) }
      return true
    case nil:
      throw error(closing == "]" ? "an array is not closed" : "an object is not closed", at: opening)
    default:
      throw error("expected ',' or '\(closing)' after a value")
    }
  }

  // MARK: Bytes

  /// The byte `offset` places ahead as a scalar of the same value, or nil beyond the end. Only from
  /// U+0080 on is this not the scalar that the document means.
  func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    position + offset < bytes.count ? Unicode.Scalar(bytes[position + offset]) : nil
  }

  /// Steps over `count` ASCII characters, none of which ends a line.
  mutating func advance(_ count: Int = 1) {
    position += count
    place.column += count
  }

  /// Steps over white space up to a place where a comment or broken UTF-8 cannot be.
  mutating func skipSpace() throws(JSONError) {
    while let next = peek() {
      switch next {
      case " ", "\t": advance()
      case "\n", "\r":
        position += next == "\r" && peek(1) == "\n" ? 2 : 1
        place = (place.line + 1, 1)
      case "#": throw error("comments are not JSON")
      case "/" where peek(1) == "/" || peek(1) == "*": throw error("comments are not JSON")
      case "\u{80}"...:
        _ = try encodedScalar()
        return
      default: return
      }
    }
  }

  /// The letters, digits and signs that follow, at most 24 of them.
  func word() -> String {
    let word = bytes[position...].prefix(24).prefix { byte in
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        || "+-._".utf8.contains(byte)
    }
    return String(decoding: word, as: UTF8.self)
  }

  /// The bytes of the scalar that follows, if they are UTF-8.
  func encodedScalar() throws(JSONError) -> Unicode.UTF8.EncodedScalar {
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes[position...].makeIterator()
    guard case .valid(let encoded) = parser.parseScalar(from: &rest) else {
      throw error("invalid UTF-8")
    }
    return encoded
  }

  /// The scalar that follows, as a message names it: `'é'`, or `'\u{A0}'` if it has no glyph.
  func quotedScalar() throws(JSONError) -> String {
    let scalar = Unicode.UTF8.decode(try encodedScalar())
    let isPlain = " "..."~" ~= scalar || scalar.properties.isAlphabetic
    return isPlain ? "'\(scalar)'" : "'\(scalar.escaped(asASCII: true))'"
  }

  /// The error `message` at `place`, or where the parser stands.
  func error(_ message: String, at fault: Place? = nil) -> JSONError {
    JSONError(line: (fault ?? place).line, column: (fault ?? place).column, message: message)
  }
}
