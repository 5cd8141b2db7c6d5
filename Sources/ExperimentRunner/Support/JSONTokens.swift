// The numbers and strings of JSON.
extension JSONParser {
  /// The text of the number at which the parser stands.
  mutating func number() throws(JSONError) -> String {
    let (start, first, word) = (place, position, word())
    if peek() == "-" { advance() }
    if peek() == "0", isDigit(peek(1)) { throw error("leading zeros", at: start) }
    guard skipDigits() else { throw error("'\(word)' is not JSON", at: start) }
    if peek() == "." {
      advance()
      guard skipDigits() else { throw error("expected a digit after '.'") }
    }
    if peek() == "e" || peek() == "E" {
      advance()
      if peek() == "+" || peek() == "-" { advance() }
      guard skipDigits() else { throw error("expected a digit in the exponent") }
    }
    guard self.word().isEmpty else { throw error("'\(word)' is not JSON", at: start) }
    return String(decoding: bytes[first..<position], as: UTF8.self)
  }

  /// The string at whose opening quote the parser stands.
  mutating func string() throws(JSONError) -> String {
    let opening = place
    var text: [UInt8] = []
    advance()
    while true {
      switch peek() {
      case nil, "\n", "\r":
        throw error("a string is not closed", at: opening)
      case "\"":
        advance()
        return String(decoding: text, as: UTF8.self)
      case "\\":
        text += try escape().utf8
      case let next? where next < " ":
        throw error("control character in a string")
      default:
        let encoded = try encodedScalar()
        text += encoded
        position += encoded.count
        place.column += 1
      }
    }
  }

  private mutating func escape() throws(JSONError) -> String {
    let start = place
    advance()
    guard let character = peek() else { throw error("a string is not closed", at: start) }
    if character == "u" {
      advance()
      return String(try escapedScalar(from: start))
    }
    let meanings: KeyValuePairs<Unicode.Scalar, String> = [
      "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r", "t": "\t",
    ]
    guard let meaning = meanings.first(where: { $0.key == character }) else {
      throw error("a backslash before \(try quotedScalar()) in a string", at: start)
    }
    advance()
    return meaning.value
  }

  /// The scalar written as `\u` and four hexadecimal digits, or as two of these which make a surrogate pair.
  private mutating func escapedScalar(from start: Place) throws(JSONError) -> Unicode.Scalar {
    var code = try codeUnit()
    if 0xD800...0xDBFF ~= code, peek() == "\\", peek(1) == "u" {
      advance(2)
      let low = try codeUnit()
      if 0xDC00...0xDFFF ~= low { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else { throw error("lone surrogate", at: start) }
    return scalar
  }

  private mutating func codeUnit() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = peek().flatMap({ Character($0).hexDigitValue }) else {
        throw error("expected four hexadecimal digits after '\\u'")
      }
      code = code << 4 | UInt32(digit)
      advance()
    }
    return code
  }

  private func isDigit(_ scalar: Unicode.Scalar?) -> Bool {
    scalar.map { "0"..."9" ~= $0 } ?? false
  }

  /// Steps over digits; false if there is none.
  private mutating func skipDigits() -> Bool {
    let first = position
    while isDigit(peek()) { advance() }
    return position > first
  }
}
