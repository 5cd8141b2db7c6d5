/// The shortest text that reads back as exactly `x`, for CSV and canonical documents.
///
/// Whole numbers have no fraction (`1`, `-3`, `1000000`), zero keeps its sign (`-0`), and what is
/// not finite reads `inf`, `-inf` or `nan`. Otherwise it is Swift's own text, such as `1e-05`.
package func numberText(_ x: Double) -> String {
  if x.isNaN { return "nan" }
  let text = x.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// `text` as one field of a CSV file by RFC 4180: in quotes if it holds a comma, a quote or a line
/// break.
package func csvField(_ text: String) -> String {
  guard text.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return text }
  let doubled = text.unicodeScalars.split(separator: "\"", omittingEmptySubsequences: false)
  return "\"" + doubled.map { String($0) }.joined(separator: "\"\"") + "\""
}

/// `x` for a table, rounded to so many significant digits (from 1 to 17).
///
/// The text is in fixed notation from 1e-3 up to 1e6, where digits before the point are always
/// all shown, and otherwise like `2.4e-31`. Rounding is that of the shortest text of `x`, with
/// halves away from zero: 0.15 to one digit is 0.2.
package func significant(_ x: Double, digits: Int) -> String {
  guard let number = Decimal(x) else { return numberText(x) }
  if number.isZero { return "0" }
  let place = number.exponent - min(max(digits, 1), 17) + 1
  var rounded = number.rounded(to: min(place, 0))
  if !rounded.isInFixedRange { rounded = number.rounded(to: place) }
  // What rounds up to the next power of ten gives one place back.
  let carry = rounded.exponent - number.exponent
  return rounded.text(to: place + carry, fixed: rounded.isInFixedRange)
}

/// An interval such as `[0.73, 0.75]`, with as many places as tell its width to two digits.
///
/// Zeros at the end that all the figures share are left out. Ends that differ read differently; an
/// end that is not finite is written `inf`, `-inf` or `nan`.
package func interval(_ low: Double, _ high: Double) -> String {
  let ends = aligned([low, high], low, high)
  return "[\(ends[0]), \(ends[1])]"
}

/// A value and its interval in the same notation to the same place, such as `0.741` and
/// `[0.735, 0.747]`; see ``interval(_:_:)``.
package func figure(
  _ value: Double, low: Double, high: Double
) -> (value: String, interval: String) {
  guard value.isFinite else { return (numberText(value), interval(low, high)) }
  let texts = aligned([value, low, high], low, high)
  return (texts[0], "[\(texts[1]), \(texts[2])]")
}

/// The texts of `values`, all rounded to the second digit of the width of `low...high`.
private func aligned(_ values: [Double], _ low: Double, _ high: Double) -> [String] {
  let numbers = values.compactMap { Decimal($0) }
  guard numbers.count == values.count,
    let width = Decimal(min(abs(high - low), .greatestFiniteMagnitude))
  else { return values.map { significant($0, digits: 4) } }

  let exponent = numbers.filter { !$0.isZero }.map(\.exponent).max() ?? 0
  // Of the width, five digits count: the difference of two decimal fractions is a little off.
  let widthExponent = width.rounded(to: width.exponent - 4).exponent
  var place = width.isZero ? exponent - 3 : max(widthExponent - 1, exponent - 16)
  var rounded = numbers.map { $0.rounded(to: place) }
  let isFixed = rounded.allSatisfy { $0.exponent < 6 } && rounded.contains(where: \.isInFixedRange)
  if isFixed, place > 0 { rounded = numbers.map { $0.rounded(to: 0) } }
  place = rounded.map(\.lastPlace).min() ?? place
  return rounded.map { $0.text(to: place, fixed: isFixed) }
}

/// A finite number in decimal digits, by its shortest text.
private struct Decimal {
  var isNegative: Bool
  /// The digits from the first to the last that is not zero; none for zero.
  var digits: [Int]
  /// The power of ten of the first digit.
  var exponent: Int

  /// The power of ten of the last digit; that of zero is as if there were no limit.
  var lastPlace: Int { isZero ? .max : exponent - digits.count + 1 }
  var isZero: Bool { digits.isEmpty }
  /// Whether the number is one from 1e-3 up to 1e6.
  var isInFixedRange: Bool { -3..<6 ~= exponent && !isZero }

  /// The number `x`, unless it is not finite.
  init?(_ x: Double) {
    guard x.isFinite else { return nil }
    let parts = x.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    digits = parts[0].compactMap(\.wholeNumberValue)
    exponent = mantissa[0].count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    isNegative = x < 0
    let zeros = digits.prefix { $0 == 0 }.count
    digits.removeFirst(zeros)
    exponent = digits.isEmpty ? 0 : exponent - zeros
    trim()
  }

  /// The number rounded to the power of ten `place`, halves away from zero.
  func rounded(to place: Int) -> Decimal {
    let kept = exponent - place + 1
    guard kept < digits.count else { return self }
    var result = self
    let roundsUp = kept >= 0 && digits[kept] >= 5
    result.digits.removeLast(digits.count - max(kept, 0))
    if roundsUp {
      while result.digits.last == 9 { result.digits.removeLast() }
      if result.digits.isEmpty {
        result.digits = [1]
        result.exponent += 1
      } else {
        result.digits[result.digits.count - 1] += 1
      }
    }
    result.trim()
    return result
  }

  /// The number with its digits down to `place`, and in fixed notation at least to the units.
  func text(to place: Int, fixed: Bool) -> String {
    if isZero, !fixed { return "0" }
    let first = fixed ? max(exponent, 0) : exponent
    let point = fixed ? 0 : exponent
    var text = isNegative && !isZero ? "-" : ""
    for power in stride(from: first, through: min(place, point), by: -1) {
      let index = exponent - power
      text += digits.indices.contains(index) ? String(digits[index]) : "0"
      if power == point, place < point { text += "." }
    }
    return fixed ? text : text + "e\(exponent)"
  }

  /// Removes zeros at the end.
  private mutating func trim() {
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty { exponent = 0 }
  }
}
