import Foundation
import GradientEstimation
@testable import LatentModels
import Testing

@Suite struct NumericTableTests {
  /// Everything that is wrong with a file is told with its line.
  @Test(arguments: [
    ("", ": the file is empty"),
    ("\n", ": the file is empty"),
    ("a,b,y\n", ": there is a header and no data"),
    ("a,b,y", ": there is a header and no data"),
    ("a,b,y\n1,2,0\n1,0\n", ":3: 2 fields under a header of 3"),
    ("a,b,y\n1,2,0,4\n", ":2: 4 fields under a header of 3"),
    ("a,b,y\n1,2,0\n1,2,0\n1,2,0,4\n", ":4: 4 fields under a header of 3"),
    ("a,b,y\n\n1,2,0\n\n1,2\n", ":5: 2 fields under a header of 3"),
    ("a,b,y\n1,2,0\n1,two,0\n", ":3: column 'b': 'two' is not a number"),
    ("a,b,y\n1,1e400,0\n", ":2: column 'b': '1e400' is not a finite number"),
    ("a,b,y\n1,2,0\n1,,0\n", ":3: column 'b' is empty"),
    ("a,b,y\n1, ,0\n", ":2: column 'b' is empty"),
    ("a,b,y\n1,nan,0\n", ":2: column 'b': 'nan' is not a finite number"),
    ("a,b,y\n1,2,0\n1,2,0\n1,-inf,0\n", ":4: column 'b': '-inf' is not a finite number"),
    ("a,b,a\n1,2,0\n", ":1: two columns are called 'a'"),
    ("1,2,0\n3,4,1\n", ":1: a header of column names is missing"),
    ("a,b,y\r\n1,2,0\r\n1,x,0\r\n", ":3: column 'b': 'x' is not a number"),
  ]) func faults(_ text: String, _ message: String) throws {
    #expect(try fault(in: text) == message)
  }

  @Test(arguments: ["a,b\n1,2\"3\n", "a,b\n1,\"2\"3\n"]) func malformedQuotes(_ text: String) throws {
    #expect(try fault(in: text) == ": not a CSV file: a quoted field is malformed")
  }

  @Test func filesThatCannotBeRead() throws {
    func message(_ name: String) -> String? {
      #expect(throws: ComponentError.self) { try NumericTable.load(name) }?.description
    }
    let directory = FileManager.default.temporaryDirectory.path
    #expect(message("/no/such/file.csv") == "/no/such/file.csv: no such file")
    #expect(
      message("breast")
        == "breast: no such file; the shipped data sets are 'breast-cancer', 'diabetes', 'digits', 'iris', 'warpbreaks', 'wine'"
    )
    #expect(message(directory) == "\(directory): it is a directory")
    let binary = try TemporaryFile(Data([0x61, 0x2c, 0xff, 0xfe, 0x0a]))
    #expect(message(binary.path) == "\(binary.path): not UTF-8 text")
  }

  /// Line ends, a byte order mark, quotes, blanks, signs, exponents and blank lines.
  @Test(arguments: [
    "a,b\n1,-2.5\n3e2,+4\n", "a,b\r\n1,-2.5\r\n3e2,+4\r\n", "\u{FEFF}a,b\n1,-2.5\n3e2,+4\n", "a,b\n1,-2.5\n3e2,+4",
    "\"a\",\"b\"\n\"1\",\"-2.5\"\n\"3e2\",\"+4\"\n", " a , b \n 1 , -2.5\n3e2,+4 \n", "a,b\n1,-2.5\n\n3e2,+4\n\n",
    "\u{FEFF}\"a\",b\r\n1,\"-2.5\"\r\n3e2,+4\r\n",
  ]) func whatIsAccepted(_ text: String) throws {
    let file = try TemporaryFile(text), table = try NumericTable.load(file.path)
    #expect(table.columns == ["a", "b"] && table.rowCount == 2)
    #expect(table.values == [1, -2.5, 300, 4])
    #expect(table.source == file.path)
  }

  /// Simple texts are read by another way, to the same numbers: a quoted name makes SwiftCSV read them.
  @Test func bothWaysAgree() throws {
    for name in ["breast-cancer", "diabetes", "digits", "iris", "warpbreaks", "wine"] {
      let table = try NumericTable.load(name), first = table.columns[0]
      let rows = (0..<table.rowCount).map { row in
        table.columns.indices.map { "\(table.values[row * table.columns.count + $0])" }.joined(separator: ",")
      }
      let body = ([table.columns.dropFirst().joined(separator: ",")] + rows).joined(separator: "\n")
      let plain = "\(first),\(body)\n", quoted = "\"\(first)\",\(body)\n"
      #expect(PlainTable(plain) != nil && PlainTable(quoted) == nil)
      for text in [plain, quoted] {
        let read = try NumericTable(source: name, text: text)
        #expect(read.columns == table.columns && read.values == table.values && read.lines == table.lines)
      }
    }
    let text = "a,b\n\n1,-2.5e-3\n\n+4,.5", plain = try #require(PlainTable(text))
    #expect(plain.lines == [3, 5] && plain.values == [1, -0.0025, 4, 0.5])
    let careful = try NumericTable(source: "", text: "\"a\"" + text.dropFirst())
    #expect(careful.lines == plain.lines && careful.values == plain.values && careful.columns == plain.columns)
  }

  /// Whatever is not simple is left to the careful way.
  @Test(arguments: [
    "", "a", "a,b\n", "1,2\n3,4\n", "a,a\n1,2\n", "a,b\n1\n", "a,b\n1,2,3\n", "a,b\n1,2\n3\n4,5,6\n", "a,b\n1,\n",
    "a,b\n1, 2\n",
    "a,b\n1,nan\n", "a,b\n1,1e999\n", "a,b\n1,0x1p3\n", "a,b\r\n1,2\r\n", "a, b\n1,2\n", "a,\n1,2\n",
    "\u{FEFF}a,b\n1,2\n",
    "a,\"b\"\n1,2\n", "a,b\n1,1e\n", "a,ü\n1,2\n",
  ]) func whatIsNotPlain(_ text: String) { #expect(PlainTable(text) == nil) }

  @Test func shippedData() throws {
    let table = try NumericTable.load("breast-cancer")
    #expect(table.columns.count == 31 && table.rowCount == 569 && table.columns.last == "benign")
    #expect(table.values.prefix(2) == [17.99, 10.38])
    #expect((0..<569).count { table.values[$0 * 31 + 30] == 1 } == 357)
  }

  /// Sums that the sources give: R's and scikit-learn's.
  @Test func otherShippedData() throws {
    let diabetes = try NumericTable.load("diabetes"), breaks = try NumericTable.load("warpbreaks")
    #expect(diabetes.columns == ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "progression"])
    #expect(diabetes.rowCount == 442 && breaks.rowCount == 54)
    // load_diabetes(scaled=False).data.mean(0) and .target.mean()
    let means = [
      48.51809955, 1.46832579, 26.37579186, 94.64701357, 189.14027149, 115.43914027, 49.78846154, 4.07024887,
      4.64141086,
      91.260181, 152.13348416,
    ]
    for (column, mean) in means.enumerated() {
      #expect(abs(diabetes.column(column).reduce(0, +) / 442 - mean) < 1e-8)
    }
    // The same of load_iris and load_wine.
    let iris = try NumericTable.load("iris"), wine = try NumericTable.load("wine")
    for (column, mean) in [5.84333333, 3.05733333, 3.758, 1.19933333, 1].enumerated() {
      #expect(abs(iris.column(column).reduce(0, +) / 150 - mean) < 1e-8)
    }
    let constituents = [
      13.00061798, 2.33634831, 2.36651685, 19.49494382, 99.74157303, 2.29511236, 2.02926966, 0.36185393, 1.59089888,
      5.05808988, 0.95744944, 2.61168539, 746.89325843, 167.0 / 178,
    ]
    for (column, mean) in constituents.enumerated() {
      #expect(abs(wine.column(column).reduce(0, +) / 178 - mean) < 1e-8)
    }
    #expect(iris.rowCount == 150 && wine.rowCount == 178 && wine.columns.count == 14)
    // aggregate(breaks ~ tension + wool, warpbreaks, sum)
    #expect(breaks.columns == ["wool_b", "tension_m", "tension_h", "wool_b_tension_m", "wool_b_tension_h", "breaks"])
    let counts = breaks.column(5)
    for (cell, sum) in [401.0, 216, 221, 254, 259, 169].enumerated() {
      #expect(counts[9 * cell..<9 * (cell + 1)].reduce(0, +) == sum)
    }
    for row in 0..<54 {
      let wool = Double(row / 27), tension = row / 9 % 3, (m, h) = (tension == 1 ? 1.0 : 0, tension == 2 ? 1.0 : 0)
      let dummies = [wool, m, h, wool * m, wool * h]
      #expect(Array(breaks.values[6 * row..<6 * row + 5]) == dummies)
    }
  }
}
