internal import Foundation
internal import GradientEstimation
internal import Randomness
internal import SwiftCSV

/// Parameters in a file `parameters.csv` that an experiment of kind `elbo` or `training` wrote: which curve, which run, which steps.
package struct SavedPoint: Hashable, Sendable {
  package let path: String
  /// What the columns of the curve must say: `estimator`, `optimizer`, `run`, …
  package var selection: [String: String]
  /// None: the last of the curve.
  package var steps: [Int]

  /// The columns that pick a curve and a run.
  static let selectors = [
    "model", "family", "objective", "sampling", "algorithm", "estimator", "optimizer", "samples", "run",
  ]

  /// `file=PATH,estimator=reparam,run=1,step=100`
  package var text: String {
    ([("file", path)] + Self.selectors.compactMap { key in selection[key].map { (key, $0) } }
      + (steps.isEmpty ? [] : [("step", steps.map(String.init).joined(separator: "x"))]))
      .map { "\($0.0)=\(optionText(.text($0.1)))" }.joined(separator: ",")
  }
}

/// The λ of a file that an `elbo` experiment wrote.
struct SavedParameters: Sendable {
  private struct Row {
    let key: [String]
    let step: Int
    let block: String
    let index: Int
    let value: Double
  }

  /// Of kind `elbo`, whose curves have no algorithm; of kind `training` that is the fifth column.
  static let columns = SavedPoint.selectors.filter { $0 != "algorithm" } + ["step", "block", "index", "value"]
  /// SHA-256 of the file.
  let digest: String
  private let path: String
  private let rows: [Row]

  /// - Throws: `PointError` for a file that cannot be read, or is none of these.
  init(path: String) throws(PointError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      var isDirectory: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      throw PointError(
        "\(path): \(!exists ? "no such file" : isDirectory.boolValue ? "it is a directory" : "it cannot be read")")
    }
    self.path = path
    digest = SHA256.hexDigest([UInt8](data))
    var records: [[String]] = []
    do {
      try CSV<Enumerated>(string: String(decoding: data, as: UTF8.self), delimiter: .comma, loadColumns: false)
        .enumerateAsArray(startAt: 0, rowLimit: nil) { records.append($0) }
    } catch {
      throw PointError("\(path): not a CSV file: a quoted field is malformed")
    }
    let named = ModelTrainingFiles.parameterColumns, hasAlgorithms = records.first == named
    guard hasAlgorithms || records.first == Self.columns else {
      throw PointError(
        "\(path):1: not a file of saved parameters; its columns must be \(Self.columns.joined(separator: ","))")
    }
    var rows: [Row] = []
    let width = SavedPoint.selectors.count
    for (index, found) in records.enumerated().dropFirst() {
      if found == [""] { continue }
      let record = hasAlgorithms || found.count < 4 ? found : Array(found[..<4]) + [""] + found[4...]
      guard record.count == named.count, let step = Int(record[width]), let place = Int(record[width + 2]),
        let value = Double(record[width + 3]), value.isFinite
      else {
        throw PointError(
          "\(path):\(index + 1): expects \(records[0].count) fields, a whole step and index, and a finite value")
      }
      rows.append(
        Row(key: Array(record[..<width]), step: step, block: record[width + 1], index: place, value: value))
    }
    self.rows = rows
  }

  /// The λ that `point` names, by block, and the point with its run and step filled in.
  ///
  /// - Throws: `PointError` if nothing fits, or several curves do.
  func resolve(
    _ point: SavedPoint
  ) throws(PointError) -> (blocks: [Point.Block], point: SavedPoint, model: String) {
    var point = point
    var left = rows
    let columns = SavedPoint.selectors.enumerated().filter { $0.element != "run" }
    for (column, name) in columns {
      guard let wanted = point.selection[name] else { continue }
      let matching = left.filter { $0.key[column] == wanted }
      if matching.isEmpty {
        throw PointError("\(path) holds no \(name) '\(wanted)'; it holds \(values(of: column, in: left))")
      }
      left = matching
    }
    // The algorithm before what not every algorithm has.
    for (column, name) in columns.filter({ $0.element == "algorithm" }) + columns
    where point.selection[name] == nil && Set(left.map { $0.key[column] }).count > 1 {
      throw PointError("\(path) holds more than one \(name): add \(name)=…, of \(values(of: column, in: left))")
    }
    let run = SavedPoint.selectors.count - 1
    let wanted = point.selection["run"] ?? left.first?.key[run] ?? "1"
    point.selection["run"] = wanted
    guard left.contains(where: { $0.key[run] == wanted }) else {
      throw PointError("\(path) holds no run \(wanted); it holds \(values(of: run, in: left))")
    }
    left = left.filter { $0.key[run] == wanted }
    let steps = Set(left.map(\.step)).sorted()
    guard let step = point.steps.first ?? steps.last, steps.contains(step) else {
      throw PointError(
        "\(path) holds no step \(point.steps.first ?? 0) of this run; it holds \(steps.map(String.init).joined(separator: ", "))"
      )
    }
    point.steps = [step]
    left = left.filter { $0.step == step }
    var blocks: [Point.Block] = []
    for row in left {
      if row.index == 0 {
        blocks.append(Point.Block(name: row.block, values: [row.value]))
      } else if let last = blocks.last, last.name == row.block, last.values.count == row.index {
        blocks[blocks.count - 1] = Point.Block(name: row.block, values: last.values + [row.value])
      } else {
        throw PointError("\(path): the rows of step \(step) are not in the order of block and index")
      }
    }
    return (blocks, point, left.first?.key.first ?? "")
  }

  private func values(of column: Int, in rows: [Row]) -> String {
    var seen: Set<String> = []
    return rows.map { $0.key[column] }.filter { seen.insert($0).inserted }.joined(separator: ", ")
  }
}

/// Why a point cannot be had, in one line.
struct PointError: Error {
  let text: String
  init(_ text: String) { self.text = text }
}
