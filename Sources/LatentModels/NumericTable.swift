import Foundation
internal import GradientEstimation
internal import ShippedData
internal import SwiftCSV

/// A CSV file of finite numbers under a header.
struct NumericTable: Sendable {
  let source: String
  let columns: [String]
  /// `[rows × columns]`, row by row.
  let values: [Double]
  /// The line of each row.
  let lines: [Int]
  var rowCount: Int { values.count / columns.count }

  /// The data sets that travel inside the program.
  private static let shipped: [(name: String, bytes: @Sendable (inout Int) -> UnsafePointer<CChar>?)] = [
    ("breast-cancer", { wb_breast_cancer_csv(&$0) }), ("diabetes", { wb_diabetes_csv(&$0) }),
    ("digits", { wb_digits_csv(&$0) }), ("iris", { wb_iris_csv(&$0) }), ("warpbreaks", { wb_warpbreaks_csv(&$0) }),
    ("wine", { wb_wine_csv(&$0) }),
  ]

  /// Whether a data set of that name is shipped.
  static func isShipped(_ name: String) -> Bool { shipped.contains { $0.name == name } }

  /// The file that an option names: none where it is empty, or names a data set that is shipped.
  static func inputFiles(_ name: String) -> [String] { name.isEmpty || isShipped(name) ? [] : [name] }

  /// Why the file that an option names cannot be had.
  static func unreadable(_ name: String, option: String) -> ComponentError {
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: name, isDirectory: &isDirectory)
    let why = !exists ? "no such file" : isDirectory.boolValue ? "it is a directory" : "it cannot be read"
    let names = shipped.map { "'\($0.name)'" }.joined(separator: ", ")
    let isPath = option != "data" || name.contains("/") || name.contains(".")
    let hint = isPath ? exists ? "" : wish(for: name) : "; the shipped data sets are \(names)"
    return ComponentError(option: option, "\(name): \(why)\(hint)")
  }

  /// What to bring, and where, for a file that has the name of one of MNIST's four.
  private static func wish(for name: String) -> String {
    let url = URL(fileURLWithPath: name), file = url.lastPathComponent
    let isMNIST = ["train", "t10k"].contains { set in
      ["images-idx3", "labels-idx1"].contains { file.hasPrefix("\(set)-\($0)-ubyte") }
    }
    return isMNIST
      ? "; bring MNIST's four files, train- and t10k-, images-idx3-ubyte.gz and labels-idx1-ubyte.gz, to \(url.deletingLastPathComponent().path)"
      : ""
  }

  /// The shipped data set of that name, or the file of that path.
  ///
  /// - Throws: `ComponentError` with file and line for a file that cannot be read, is empty or ragged, or holds
  ///   something that is not a finite number.
  static func load(_ name: String) throws(ComponentError) -> NumericTable {
    if let data = shipped.first(where: { $0.name == name }) {
      var length = 0
      let start = data.bytes(&length)
      let bytes = UnsafeRawBufferPointer(start: start, count: length)
      return try NumericTable(source: name, text: String(decoding: bytes, as: UTF8.self))
    }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: name))
    } catch {
      throw unreadable(name, option: "data")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw ComponentError(option: "data", "\(name): not UTF-8 text")
    }
    return try NumericTable(source: name, text: text)
  }

  init(source: String, text: String) throws(ComponentError) {
    func fault(_ line: Int, _ what: String) -> ComponentError {
      ComponentError(option: "data", "\(source):\(line): \(what)")
    }
    if let plain = PlainTable(text) {
      self.source = source
      (columns, values, lines) = (plain.columns, plain.values, plain.lines)
      return
    }
    let body = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    // Not the rows that SwiftCSV offers: it fills up those that are too short.
    var records: [[String]] = []
    do {
      try CSV<Enumerated>(string: body, delimiter: .comma, loadColumns: false)
        .enumerateAsArray(startAt: 0, rowLimit: nil) { records.append($0) }
    } catch {
      throw ComponentError(option: "data", "\(source): not a CSV file: a quoted field is malformed")
    }
    let header = (records.first ?? []).map { $0.trimmingCharacters(in: .whitespaces) }
    guard header.contains(where: { !$0.isEmpty }) else {
      throw ComponentError(option: "data", "\(source): the file is empty")
    }
    if header.allSatisfy({ Double($0) != nil }) { throw fault(1, "a header of column names is missing") }
    if let name = header.first(where: { name in header.count(where: { $0 == name }) > 1 }) {
      throw fault(1, "two columns are called '\(name)'")
    }
    var numbers: [Double] = []
    var rowLines: [Int] = []
    for (index, row) in records.dropFirst().enumerated() {
      let line = index + 2
      if row.allSatisfy({ $0.isEmpty }), row.count <= 1 { continue }
      guard row.count == header.count else {
        throw fault(line, "\(row.count) fields under a header of \(header.count)")
      }
      for (column, field) in zip(header, row) {
        let trimmed = field.trimmingCharacters(in: .whitespaces)
        guard let number = Double(trimmed) else {
          throw fault(
            line, trimmed.isEmpty ? "column '\(column)' is empty" : "column '\(column)': '\(trimmed)' is not a number")
        }
        guard number.isFinite else { throw fault(line, "column '\(column)': '\(trimmed)' is not a finite number") }
        numbers.append(number)
      }
      rowLines.append(line)
    }
    guard !numbers.isEmpty else { throw ComponentError(option: "data", "\(source): there is a header and no data") }
    self.source = source
    columns = header
    values = numbers
    lines = rowLines
  }
}
