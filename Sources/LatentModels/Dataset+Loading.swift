internal import GradientEstimation

extension Dataset {
  /// The columns of the shipped data sets that are labels.
  private static let shippedLabels = [
    "breast-cancer": "benign", "digits": "digit", "iris": "species", "wine": "cultivar",
  ]

  /// A shipped data set, an IDX file (plain or gzip, by its first bytes), or a CSV file with a header.
  ///
  /// - Parameter labels: of an IDX file the path of another, which has as many labels; of a CSV file the column that is a
  ///   label and no datum; empty: no labels, but those that shipped data sets have.
  /// - Throws: `ComponentError` with the file and the line or byte where it is not what it should be.
  static func load(_ name: String, labels: String) throws(ComponentError) -> Dataset {
    if NumericTable.isShipped(name) {
      let own = shippedLabels[name]
      if let own, !labels.isEmpty, labels != own {
        throw ComponentError(option: "labels", "\(name) has labels of its own, '\(own)', and takes no others")
      }
      var data = try Dataset(NumericTable.load(name), labels: own ?? labels)
      if name == "digits" {
        data.image = ImageSize(rows: 8, columns: 8)
        for i in data.values.indices { data.values[i] /= 16 }
      }
      return data
    }
    var file = try InflatedFile(name, option: "data")
    let magic = try file.read(4)
    if IDXFile.begins(with: magic) { return try Dataset(&file, magic: magic, labels: labels) }
    guard !file.isCompressed else {
      throw file.fault("a gzip file that holds no IDX file; CSV files are read as they are", at: 0)
    }
    return try Dataset(NumericTable.load(name), labels: labels)
  }

  /// - Throws: `ComponentError` if there is no such column, no other, or if it holds anything but whole numbers.
  private init(_ table: NumericTable, labels name: String) throws(ComponentError) {
    source = table.source
    guard !name.isEmpty else {
      (columns, dimension, values) = (table.columns, table.columns.count, table.values)
      return
    }
    let width = table.columns.count, label = try table.index(of: name, option: "labels")
    guard width > 1 else {
      throw ComponentError(option: "labels", "\(table.source): there is no column beside '\(name)'")
    }
    var found: [Int] = []
    for (row, number) in table.column(label).enumerated() {
      guard let whole = Int(exactly: number) else {
        throw ComponentError(
          option: "labels",
          "\(table.source):\(table.lines[row]): column '\(name)' is \(number); a label must be a whole number")
      }
      found.append(whole)
    }
    (labels, dimension) = (found, width - 1)
    columns = table.columns.indices.filter { $0 != label }.map { table.columns[$0] }
    values = table.values.indices.filter { $0 % width != label }.map { table.values[$0] }
  }

  private init(_ file: inout InflatedFile, magic: [UInt8], labels path: String) throws(ComponentError) {
    source = file.path
    let images = try IDXFile(&file, magic: magic, content: .data), sizes = images.dimensions
    (values, dimension) = (images.values, sizes.dropFirst().reduce(1, *))
    if sizes.count == 3 { image = ImageSize(rows: sizes[1], columns: sizes[2]) }
    guard !path.isEmpty else { return }
    var labelFile = try InflatedFile(path, option: "labels")
    let found = try IDXFile(&labelFile, magic: try labelFile.read(4), content: .labels).values
    guard found.count == sizes[0] else {
      throw labelFile.fault("\(found.count) labels for the \(sizes[0]) data of \(source)", at: 4)
    }
    labels = found.map { Int($0) }
  }
}
