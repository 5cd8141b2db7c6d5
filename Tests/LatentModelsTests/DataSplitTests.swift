import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing

@Suite struct DataSplitTests {
  static func split(_ change: (inout DatasetOptions) -> Void = { _ in }) throws -> DataSplit {
    var options = DatasetOptions()
    change(&options)
    return try DataSplit(options)
  }

  static func fault(_ change: (inout DatasetOptions) -> Void) -> ComponentError? {
    #expect(throws: ComponentError.self) { try split(change) }
  }

  /// Every datum is in one part, with its label, in the order of the file.
  @Test(arguments: [("digits", 0.2), ("iris", 0.5), ("wine", 0.07), ("iris", 0.99)])
  func partition(_ name: String, _ share: Double) throws {
    let split = try Self.split { ($0.data, $0.testShare) = (name, share) }
    let whole = try Dataset.load(name, labels: ""), d = whole.dimension
    #expect(split.testRows.count == Int((Double(whole.count) * share).rounded()))
    #expect(split.trainingRows == split.trainingRows.sorted() && split.testRows == split.testRows.sorted())
    #expect((split.trainingRows + split.testRows).sorted() == Array(1...whole.count))
    for (part, rows) in [(split.training, split.trainingRows), (split.test, split.testRows)] {
      #expect(part.count == rows.count && part.labels?.count == rows.count)
      #expect(part.dimension == d && part.image == whole.image && part.columns == whole.columns)
      #expect(part.source == whole.source)
      for (n, row) in rows.enumerated() {
        #expect(part.values[n * d..<(n + 1) * d] == whole.values[(row - 1) * d..<row * d])
        #expect(part.labels?[n] == whole.labels?[row - 1])
      }
    }
  }

  @Test func theSeedMakesTheSplit() throws {
    let first = try Self.split()
    #expect(try Self.split() == first)
    #expect(try Self.split { $0.splitSeed = 2 }.testRows != first.testRows)
    // A split that changes breaks every result that was had with it.
    #expect(Array(first.testRows.prefix(8)) == [4, 5, 6, 14, 15, 21, 23, 25])
    // The rows are a sample of all: their mean is (N + 1)/2, with the variance of draws without replacement.
    let (n, total) = (Double(first.testRows.count), 1797.0)
    let mean = Double(first.testRows.reduce(0, +)) / n
    let variance = (total + 1) * (total - n) / (12 * n)
    #expect(abs(mean - (total + 1) / 2) < 3.3 * variance.squareRoot())
  }

  @Test func streamsDiffer() throws {
    let generator = try #require(Generator.named("xoshiro256x8"))
    let keys = (0..<4).flatMap { seed in ["split", "binarization"].map { DataSplit.key($0, seed: seed) } }
    #expect(Set(keys.map { $0.base(for: generator) }).count == 8)
    try StreamKey.checkDisjoint(keys.map { ($0, 1) }, for: generator)
  }

  @Test func sizesOfTheParts() throws {
    let none = try Self.split { $0.testShare = 0 }
    #expect(none.test.count == 0 && none.testRows.isEmpty && none.test.labels == [] && none.training.count == 1797)
    #expect(none.training == (try Dataset.load("digits", labels: "")))
    #expect(try Self.split { ($0.data, $0.testShare) = ("iris", 1e-9) }.test.count == 1)
    let two = try TemporaryFile("a\n1\n2\n"), one = try TemporaryFile("a\n1\n")
    #expect(try Self.split { ($0.data, $0.testShare) = (two.path, 0.99) }.training.count == 1)
    #expect(try Self.split { ($0.data, $0.testShare) = (one.path, 0) }.training.count == 1)
    #expect(
      Self.fault { $0.data = one.path }
        == ComponentError(
          option: "test_share", "\(one.path) has one datum, and nothing to test with; use test_share=0"))
  }

  /// Drawn once, by row and seed alone: the share that is kept for testing does not change a pixel. 15 z-tests a seed at 6.8e-6.
  @Test(arguments: [1, 2]) func fixedBinarization(_ seed: Int) throws {
    let real = try Dataset.load("digits", labels: "")
    let all = try Self.split { ($0.pixels, $0.testShare, $0.splitSeed) = (.fixed, 0, seed) }
    #expect(!all.isDynamic && all.training.labels == real.labels)
    checkBinary(all.training.values, of: real.values)
    let parts = try Self.split { ($0.pixels, $0.splitSeed) = (.fixed, seed) }
    for (n, row) in parts.testRows.enumerated() {
      #expect(parts.test.values[n * 64..<(n + 1) * 64] == all.training.values[(row - 1) * 64..<row * 64])
    }
    let other = try Self.split { ($0.pixels, $0.testShare, $0.splitSeed) = (.fixed, 0, seed + 1) }
    #expect(other.training.values != all.training.values)
  }

  @Test func dynamicPixelsStayWhatTheyAre() throws {
    let real = try Self.split(), dynamic = try Self.split { $0.pixels = .dynamic }
    #expect(dynamic.isDynamic && dynamic.training.isDynamic && dynamic.test.isDynamic && !real.isDynamic)
    #expect(dynamic.training.values == real.training.values && dynamic.testRows == real.testRows)
  }

  @Test func whatCannotBeBinarized() throws {
    let must = "to be binarised it must be from 0 to 1"
    for pixels in [DatasetOptions.Pixels.fixed, .dynamic] {
      #expect(
        Self.fault { ($0.data, $0.pixels) = ("iris", pixels) }
          == ComponentError(option: "pixels", "iris: datum 1, column 'sepal_length' is 5.1; \(must)"))
    }
    let signed = try TemporaryFile(idx(0x09, [2, 2, 2], [0, 1, 1, 0, 0, 1, 0xFF, 0]))
    #expect(
      Self.fault { ($0.data, $0.pixels) = (signed.path, .fixed) }
        == ComponentError(option: "pixels", "\(signed.path): datum 2, pixel (2, 1) is -1.0; \(must)"))
    let vectors = try TemporaryFile(idx(0x09, [2, 3], [0, 1, 1, 0, 2, 1]))
    #expect(
      Self.fault { ($0.data, $0.pixels) = (vectors.path, .dynamic) }
        == ComponentError(option: "pixels", "\(vectors.path): datum 2, column 2 is 2.0; \(must)"))
    #expect(
      Self.fault { ($0.pixels, $0.standardize) = (.fixed, true) }
        == ComponentError(
          option: "standardize", "standardised values are no probabilities; use pixels=real or standardize=false"))
  }

  /// Test data in a file of their own: all rows of both, numbered on, with their labels.
  @Test func testDataOfTheirOwn() throws {
    let pixels: [UInt8] = (0..<16).map { UInt8(16 * $0) }
    let train = try TemporaryFile(idx(0x08, [3, 2, 2], Array(pixels[..<12]))),
      labels = try TemporaryFile(idx(0x08, [3], [7, 8, 9]))
    let more = try TemporaryFile(idx(0x08, [1, 2, 2], Array(pixels[12...]))),
      moreLabels = try TemporaryFile(idx(0x08, [1], [5]))
    let split = try Self.split {
      ($0.data, $0.labels, $0.testData, $0.testLabels) = (train.path, labels.path, more.path, moreLabels.path)
    }
    #expect(split.training == (try Dataset.load(train.path, labels: labels.path)))
    #expect(split.test == (try Dataset.load(more.path, labels: moreLabels.path)))
    #expect(split.trainingRows == [1, 2, 3] && split.testRows == [4] && split.test.labels == [5])
    let table = try TemporaryFile("k,a,b\n1,10,2\n2,30,4\n"), other = try TemporaryFile("a,b,k\n40,4,3\n")
    let scaled = try Self.split {
      ($0.data, $0.labels, $0.testData, $0.standardize) = (table.path, "k", other.path, true)
    }
    #expect(scaled.test.values == [2, 1] && scaled.test.labels == [3] && scaled.training.values == [-1, -1, 1, 1])
  }

  /// Fixed pixels of a file of test data are other draws than those of the data to train on, though the data be the same.
  @Test func pixelsOfTestDataOfTheirOwn() throws {
    let split = try Self.split { ($0.testData, $0.pixels) = ("digits", .fixed) }
    let real = try Dataset.load("digits", labels: "")
    checkBinary(split.test.values, of: real.values)
    let expected = real.values.reduce(0) { $0 + 2 * $1 * (1 - $1) }
    let differences = Double(zip(split.training.values, split.test.values).count { $0 != $1 })
    #expect(abs(differences - expected) < 4.5 * expected.squareRoot())
    #expect(split.training.values == (try Self.split { ($0.testShare, $0.pixels) = (0, .fixed) }).training.values)
    #expect(try Self.split { ($0.testData, $0.pixels) = ("digits", .dynamic) }.test.isDynamic)
  }

  @Test func faultsOfTestDataOfTheirOwn() throws {
    let images = try TemporaryFile(IDXFileTests.images), labels = try TemporaryFile(IDXFileTests.labels)
    let tall = try TemporaryFile(idx(0x08, [1, 3, 2], [0, 0, 0, 0, 0, 0])), table = try TemporaryFile("a,b\n1,2\n3,4\n")
    let turned = try TemporaryFile("b,a\n1,2\n"), bad = try TemporaryFile("a,b\n1,x\n")
    func fault(_ data: String, _ test: String, labels: String = "", _ testLabels: String = "") -> ComponentError? {
      Self.fault { ($0.data, $0.labels, $0.testData, $0.testLabels) = (data, labels, test, testLabels) }
    }
    #expect(
      fault(images.path, tall.path)
        == ComponentError(
          option: "test_data",
          "\(tall.path) has images of 3 × 2, and \(images.path) images of 2 × 3; the two must agree"))
    #expect(
      fault("digits", images.path)?.description
        == "\(images.path) has images of 2 × 3, and digits images of 8 × 8; the two must agree")
    #expect(
      fault("iris", "wine")?.description == "wine has vectors of 13, and iris vectors of 4; the two must agree")
    #expect(
      fault(table.path, turned.path)?.description
        == "\(turned.path) has column 'b', and \(table.path) column 'a'; the two must agree")
    #expect(
      fault(table.path, bad.path)
        == ComponentError(option: "test_data", "\(bad.path):2: column 'b': 'x' is not a number"))
    #expect(fault(images.path, "/no") == ComponentError(option: "test_data", "/no: no such file"))
    #expect(fault(images.path, images.path, "/no") == ComponentError(option: "test_labels", "/no: no such file"))
    #expect(fault(images.path, labels.path)?.option == "test_data")
    #expect(
      fault(table.path, turned.path, labels: "b", "c")
        == ComponentError(option: "test_labels", "has no effect: labels of \(table.path) are a column of it"))
    #expect(
      fault("digits", "", "c") == ComponentError(option: "test_labels", "has no effect without test_data"))
    #expect(
      Self.fault { ($0.testData, $0.testShare) = ("digits", 0.3) }
        == ComponentError(option: "test_share", "has no effect beside test_data=digits"))
  }

  /// Mean and standard deviation are the training part's, and both parts are measured by them.
  @Test func standardization() throws {
    let raw = try Self.split { $0.data = "wine" }
    let scaled = try Self.split { ($0.data, $0.standardize) = ("wine", true) }
    #expect(scaled.testRows == raw.testRows)
    let d = 13, count = Double(raw.training.count)
    for i in 0..<d {
      let column = stride(from: i, to: raw.training.values.count, by: d).map { raw.training.values[$0] }
      let mean = column.reduce(0, +) / count
      let deviation = (column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
      let standard = stride(from: i, to: scaled.training.values.count, by: d).map { scaled.training.values[$0] }
      #expect(abs(standard.reduce(0, +)) < 1e-11 && abs(standard.reduce(0) { $0 + $1 * $1 } - count) < 1e-10)
      for n in 0..<raw.test.count {
        let wanted = (raw.test.values[n * d + i] - mean) / deviation
        #expect(abs(scaled.test.values[n * d + i] - wanted) < 1e-12 * (1 + abs(wanted)))
      }
    }
  }

  /// A column that varies among the test data alone cannot be standardised by the others.
  @Test func constantColumns() throws {
    let message = "is constant in the data to train on and cannot be standardised; use standardize=false"
    #expect(
      Self.fault { $0.standardize = true }
        == ComponentError(option: "standardize", "digits: column 'pixel_0_0' \(message)"))
    let rows = try Self.split { $0.data = "iris" }.testRows
    let text = "a,b\n" + (1...150).map { "\($0),\($0 == rows[3] ? 1 : 0.1)\n" }.joined()
    let file = try TemporaryFile(text)
    #expect(
      Self.fault { ($0.data, $0.standardize) = (file.path, true) }
        == ComponentError(option: "standardize", "\(file.path): column 'b' \(message)"))
  }
}
