/// A table of aligned plain text for a terminal.
///
/// Columns stand two spaces apart under a header, an optional line of units and a thin rule. The
/// width of a text is the number of its Unicode scalars.
package struct TextTable: Sendable {
  /// How the cells of a column line up.
  package enum Alignment: Sendable, Equatable {
    /// At their beginning.
    case left
    /// At their end.
    case right
    /// At the end of their first run of digits, which is where a decimal point stands; text
    /// without digits is set to the right.
    case decimalPoint
  }

  /// The head of a column.
  package struct Column: Sendable, Equatable {
    /// The name in the header.
    package var header: String
    /// The unit under the name, or nothing.
    package var unit: String
    /// How the cells line up; the header follows, at the right for a decimal point.
    package var alignment: Alignment

    /// A column named `header`.
    package init(_ header: String, unit: String = "", alignment: Alignment = .left) {
      self.header = header
      self.unit = unit
      self.alignment = alignment
    }
  }

  /// The text at one place in the table; a string literal stands for itself.
  package struct Cell: Sendable, Equatable, ExpressibleByStringInterpolation {
    /// The text, on one line: control characters become spaces, and those at the ends go.
    package let text: String
    /// Whether the cell is set in bold type where the style has colours.
    package var isBold: Bool

    /// A cell with `text`.
    package init(_ text: String, bold: Bool = false) {
      let scalars = text.unicodeScalars.map { $0.isLineSafe ? $0 : " " }
      let start = scalars.firstIndex { $0 != " " } ?? 0
      let end = scalars.lastIndex { $0 != " " }.map { $0 + 1 } ?? 0
      self.text = String(String.UnicodeScalarView(scalars[start..<end]))
      isBold = bold
    }

    /// A cell with `value`.
    package init(stringLiteral value: String) { self.init(value) }

    /// The number of scalars up to the end of the first run of digits, or nil without digits.
    fileprivate var pointOffset: Int? {
      let scalars = Array(text.unicodeScalars)
      guard let start = scalars.firstIndex(where: { "0"..."9" ~= $0 }) else { return nil }
      return scalars[start...].firstIndex { !("0"..."9" ~= $0) } ?? scalars.count
    }

    fileprivate var width: Int { text.unicodeScalars.count }
  }

  /// The look of a table.
  package struct Style: Sendable, Equatable {
    /// Whether the terminal understands ANSI escape sequences.
    package var isColored: Bool

    /// A style with or without ANSI escape sequences.
    package init(isColored: Bool) { self.isColored = isColored }
  }

  /// The columns from left to right.
  package var columns: [Column]
  /// The rows from the top. A short row ends in blanks; cells beyond the columns are left out.
  package var rows: [[Cell]]

  /// A table of `columns`.
  package init(columns: [Column], rows: [[Cell]] = []) {
    self.columns = columns
    self.rows = rows
  }

  /// The table as lines without blanks at their ends; the last has no line break.
  package func rendered(style: Style = Style(isColored: false)) -> String {
    var heads = [columns.map { Cell($0.header) }]
    if columns.contains(where: { !$0.unit.isEmpty }) { heads.append(columns.map { Cell($0.unit) }) }
    let grid = heads + rows
    var lines = Array(repeating: "", count: grid.count)
    var gap = 0
    var tableWidth = 0
    for (index, column) in columns.enumerated() {
      let cells = grid.map { index < $0.count ? $0[index] : "" }
      let (indents, width) = Self.layout(cells, heads: heads.count, by: column.alignment)
      for (line, cell) in cells.enumerated() {
        let isBold = cell.isBold && style.isColored && cell.width > 0
        lines[line] += Self.blanks(gap + indents[line])
        lines[line] += isBold ? "\u{1B}[1m\(cell.text)\u{1B}[0m" : cell.text
        lines[line] += Self.blanks(width - indents[line] - cell.width)
      }
      tableWidth += gap + width
      gap = 2
    }
    lines = lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    lines.insert(String(repeating: "─", count: tableWidth), at: heads.count)
    return lines.joined(separator: "\n")
  }

  /// The blanks before each cell of a column, of which the first are its `heads`, and its width.
  private static func layout(
    _ cells: [Cell], heads: Int, by alignment: Alignment
  ) -> (indents: [Int], width: Int) {
    let points = cells.enumerated().map { line, cell in
      line >= heads && alignment == .decimalPoint ? cell.pointOffset : nil
    }
    let integral = points.compactMap(\.self).max() ?? 0
    let fractional = zip(cells, points).map { cell, point in cell.width - (point ?? cell.width) }
    let longest = fractional.max() ?? 0
    let width = max(integral + longest, cells.map(\.width).max() ?? 0)
    let indents = zip(cells, points).map { cell, point in
      if alignment == .left { return 0 }
      return width - (point.map { $0 + longest } ?? cell.width)
    }
    return (indents, width)
  }

  private static func blanks(_ count: Int) -> String { String(repeating: " ", count: count) }
}

extension Unicode.Scalar {
  /// Whether the scalar neither breaks a line nor controls a terminal.
  fileprivate var isLineSafe: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
}
