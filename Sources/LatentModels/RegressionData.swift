internal import GradientEstimation

/// A design matrix and a binary target.
public struct RegressionData: Sendable {
  public let columns: [String]
  /// x, `[N × D]`, row by row.
  public let design: [Double]
  /// y, `[N]`, 0 or 1.
  public let target: [Double]

  /// - Throws: `ComponentError` if there is no such target column, if it holds anything but 0 and 1, if there is no
  ///   other column, or if a constant column was to be standardised.
  init(_ table: NumericTable, target name: String, standardize: Bool, intercept: Bool) throws(ComponentError) {
    let width = table.columns.count, rows = table.rowCount
    guard let targetColumn = name.isEmpty ? width - 1 : table.columns.firstIndex(of: name) else {
      throw ComponentError(
        option: "target", "\(table.source) has no column '\(name)'; it has \(table.columns.joined(separator: ", "))")
    }
    let outcome = (0..<rows).map { table.values[$0 * width + targetColumn] }
    if let bad = outcome.firstIndex(where: { $0 != 0 && $0 != 1 }) {
      throw ComponentError(
        option: "target",
        "\(table.source):\(table.lines[bad]): column '\(table.columns[targetColumn])' is \(outcome[bad]); the target must be 0 or 1"
      )
    }
    let features = (0..<width).filter { $0 != targetColumn }
    guard !features.isEmpty || intercept else {
      throw ComponentError(option: "data", "\(table.source): there is no column beside the target")
    }
    let dimension = features.count + (intercept ? 1 : 0)
    var design = [Double](repeating: 1, count: rows * dimension)
    for (d, column) in features.enumerated() {
      var values = (0..<rows).map { table.values[$0 * width + column] }
      if standardize {
        let mean = values.reduce(0, +) / Double(rows)
        let scale = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)).squareRoot()
        // A column of one value may have a mean that rounds to another: compare, rather than trust scale > 0.
        guard values.contains(where: { $0 != values[0] }), scale > 0, scale.isFinite else {
          throw ComponentError(
            option: "standardize",
            "\(table.source): column '\(table.columns[column])' is constant and cannot be standardised; drop it or use standardize=false"
          )
        }
        values = values.map { ($0 - mean) / scale }
      }
      for n in 0..<rows { design[n * dimension + d] = values[n] }
    }
    columns = features.map { table.columns[$0] } + (intercept ? ["intercept"] : [])
    self.design = design
    target = outcome
  }
}
