/// The content of a CSV file of the simplest kind: no quotes, no blanks, no carriage returns, nothing wrong.
///
/// Whatever else it may be is for `NumericTable`, which says what is wrong and where, and takes much longer.
struct PlainTable {
  let columns: [String]
  /// `[rows × columns]`, row by row.
  let values: [Double]
  /// The line of each row.
  let lines: [Int]

  /// Nil for a text of any other kind.
  init?(_ text: String) {
    let newline = UInt8(ascii: "\n"), comma = UInt8(ascii: ","), bytes = text.utf8
    let end = bytes.firstIndex(of: newline) ?? bytes.endIndex
    let names = bytes[..<end].split(separator: comma, omittingEmptySubsequences: false).map { String(Substring($0)) }
    guard Set(names).count == names.count, !names.allSatisfy({ Double($0) != nil }) else { return nil }
    for name in names where name.isEmpty || !name.utf8.allSatisfy(PlainTable.isInNames) { return nil }
    var values: [Double] = [], lines: [Int] = []
    for (index, row) in bytes[end...].split(separator: newline, omittingEmptySubsequences: false).enumerated()
    where !row.isEmpty {
      for field in row.split(separator: comma, omittingEmptySubsequences: false) {
        guard field.allSatisfy(PlainTable.isInNumbers), let number = Double(Substring(field)), number.isFinite else {
          return nil
        }
        values.append(number)
      }
      lines.append(index + 1)
      guard values.count == lines.count * names.count else { return nil }
    }
    guard !lines.isEmpty else { return nil }
    (columns, self.values, self.lines) = (names, values, lines)
  }

  private static func isInNumbers(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  /// ASCII's printable characters but blank and quote.
  private static func isInNames(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") }
}
