internal import GradientEstimation

/// What the target of a regression may be.
struct TargetDomain: Sendable {
  /// As in "the target must be …".
  let words: String
  let contains: @Sendable (Double) -> Bool
  /// Whether standardising means the target too.
  let isStandardized: Bool

  static let labels = TargetDomain(words: "0 or 1", contains: { $0 == 0 || $0 == 1 }, isStandardized: false)
  /// Whole numbers that a double tells apart.
  static let counts = TargetDomain(
    words: "a count: 0, 1, 2, …", contains: { $0 >= 0 && $0 <= 0x1p53 && $0 == $0.rounded() }, isStandardized: false)
  static let numbers = TargetDomain(words: "a finite number", contains: \.isFinite, isStandardized: true)
}

/// A design matrix and a target.
public struct RegressionData: Sendable {
  public let columns: [String]
  /// x, `[N × D]`, row by row.
  public let design: [Double]
  /// y, `[N]`.
  public let target: [Double]

  /// - Throws: `ComponentError` if there is no such target column, if it holds anything outside of `domain`, if there is
  ///   no other column, or if a constant column was to be standardised.
  init(
    _ table: NumericTable, target name: String, in domain: TargetDomain, standardize: Bool, intercept: Bool
  ) throws(ComponentError) {
    let width = table.columns.count, rows = table.rowCount
    let targetColumn = try table.index(of: name, option: "target")
    let outcome = table.column(targetColumn)
    if let bad = outcome.firstIndex(where: { !domain.contains($0) }) {
      throw ComponentError(
        option: "target",
        "\(table.source):\(table.lines[bad]): column '\(table.columns[targetColumn])' is \(outcome[bad]); the target must be \(domain.words)"
      )
    }
    let features = (0..<width).filter { $0 != targetColumn }
    guard !features.isEmpty || intercept else {
      throw ComponentError(option: "data", "\(table.source): there is no column beside the target")
    }
    let dimension = features.count + (intercept ? 1 : 0)
    var design = [Double](repeating: 1, count: rows * dimension)
    for (d, column) in features.enumerated() {
      let values = standardize ? try table.standardizedColumn(column) : table.column(column)
      for n in 0..<rows { design[n * dimension + d] = values[n] }
    }
    columns = features.map { table.columns[$0] } + (intercept ? ["intercept"] : [])
    self.design = design
    target = standardize && domain.isStandardized ? try table.standardizedColumn(targetColumn) : outcome
  }
}

extension NumericTable {
  /// The numbers under one name, from top to bottom.
  func column(_ index: Int) -> [Double] { lines.indices.map { values[$0 * columns.count + index] } }

  /// The column with mean 0 and standard deviation 1, divisor N.
  func standardizedColumn(_ index: Int) throws(ComponentError) -> [Double] {
    let values = column(index), count = Double(rowCount)
    let mean = values.reduce(0, +) / count
    let scale = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    // A column of one value may have a mean that rounds to another: compare, rather than trust scale > 0.
    guard values.contains(where: { $0 != values[0] }), scale > 0, scale.isFinite else {
      throw ComponentError(
        option: "standardize",
        "\(source): column '\(columns[index])' is constant and cannot be standardised; drop it or use standardize=false"
      )
    }
    return values.map { ($0 - mean) / scale }
  }
}
