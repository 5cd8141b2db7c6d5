import Foundation
import GradientEstimation
@testable import LatentModels
import Randomness
import Testing

@Suite struct DatasetTests {
  /// scikit-learn 1.9.1: X = load_digits().data, y = load_digits().target.
  @Test func digits() throws {
    let data = try Dataset.load("digits", labels: "")
    #expect(data.source == "digits" && data.count == 1797 && data.dimension == 64)
    #expect(data.image == Dataset.ImageSize(rows: 8, columns: 8) && data.columns[9] == "pixel_1_1" && !data.isDynamic)
    let labels = try #require(data.labels), pixels = data.values.map { $0 * 16 }
    #expect(pixels.allSatisfy { $0 == $0.rounded() && (0...16).contains($0) })
    // X[0, :16] and y[:10]
    #expect(Array(pixels[..<16]) == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0])
    #expect(Array(labels[..<10]) == Array(0..<10))
    // X.sum(), (X ** 2).sum(), np.bincount(y)
    #expect(pixels.reduce(0, +) == 561_718 && pixels.reduce(0) { $0 + $1 * $1 } == 6_907_012)
    #expect((0..<10).map { k in labels.count { $0 == k } } == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    // (X.sum(0) * np.arange(1, 65)).sum(), (X.sum(1) * np.arange(1, 1798)).sum(), (y * np.arange(1, 1798)).sum()
    let byColumn = pixels.indices.reduce(0) { $0 + Int(pixels[$1]) * ($1 % 64 + 1) }
    let byRow = pixels.indices.reduce(0) { $0 + Int(pixels[$1]) * ($1 / 64 + 1) }
    let byLabel = labels.indices.reduce(0) { $0 + labels[$1] * ($1 + 1) }
    #expect(byColumn == 18_222_371 && byRow == 503_904_265 && byLabel == 7_272_861)
    // X.sum(0)[:16]
    let sums = (0..<16).map { i in (0..<1797).reduce(0) { $0 + Int(pixels[$1 * 64 + i]) } }
    #expect(
      sums == [
        0, 546, 9353, 21269, 21291, 10390, 2448, 233, 10, 3583, 18657, 21527, 18472, 14692, 3318, 194,
      ])
  }

  @Test func otherShippedData() throws {
    let iris = try Dataset.load("iris", labels: ""), wine = try Dataset.load("wine", labels: "")
    #expect(iris.count == 150 && iris.dimension == 4 && iris.image == nil)
    #expect(Array(iris.values[..<5]) == [5.1, 3.5, 1.4, 0.2, 4.9])
    #expect(iris.labels == (0..<150).map { $0 / 50 })
    #expect(wine.count == 178 && wine.dimension == 13 && wine.columns.last == "proline" && wine.values[12] == 1065)
    #expect(try #require(wine.labels).reduce(0, +) == 167)
    #expect(try Dataset.load("wine", labels: "cultivar") == wine)
    for other in ["ash", "labels.idx1"] {
      let error = #expect(throws: ComponentError.self) { try Dataset.load("wine", labels: other) }
      #expect(error == ComponentError(option: "labels", "wine has labels of its own, 'cultivar', and takes no others"))
    }
    let diabetes = try Dataset.load("diabetes", labels: "")
    #expect(diabetes.dimension == 11 && diabetes.labels == nil)
  }

  @Test func CSVFiles() throws {
    let file = try TemporaryFile("a,kind,b\n1,-2,0.5\n\n3,4,-1e3\n")
    let labelled = try Dataset.load(file.path, labels: "kind"), bare = try Dataset.load(file.path, labels: "")
    #expect(labelled.labels == [-2, 4] && labelled.columns == ["a", "b"] && labelled.values == [1, 0.5, 3, -1000])
    #expect(bare.labels == nil && bare.dimension == 3 && bare.values == [1, -2, 0.5, 3, 4, -1000])
    func error(_ labels: String, _ text: String) throws -> String? {
      let file = try TemporaryFile(text)
      return #expect(throws: ComponentError.self) { try Dataset.load(file.path, labels: labels) }?.description
        .replacing(file.path, with: "DATA")
    }
    #expect(try error("c", "a,b\n1,2\n") == "DATA has no column 'c'; it has a, b")
    #expect(try error("a", "a\n1\n") == "DATA: there is no column beside 'a'")
    #expect(try error("b", "a,b\n1,2\n\n1,2.5\n") == "DATA:4: column 'b' is 2.5; a label must be a whole number")
    #expect(try error("b", "a,b\n1,1e30\n") == "DATA:2: column 'b' is 1e+30; a label must be a whole number")
    #expect(try error("", "a,b\n1,x\n") == "DATA:2: column 'b': 'x' is not a number")
    #expect(try error("", "") == "DATA: the file is empty")
  }

  /// `[d × B]`, lane fastest, data in any order and repeated; nothing is drawn.
  @Test func observations() throws {
    let data = try Dataset.load("iris", labels: "")
    let generator = try #require(Generator.named("mt19937"))
    var random = try RandomStream(generator, index: 1), untouched = try random.copy()
    let indices: [Int32] = [149, 0, 7, 7, 100]
    var stored = [Double](repeating: .nan, count: 20), span = stored.mutableSpan
    data.storeObservations(indices.span, random: &random, into: &span)
    for i in 0..<4 {
      for (lane, n) in indices.enumerated() { #expect(stored[i * 5 + lane] == data.values[Int(n) * 4 + i]) }
    }
    let (next, same) = (random.next(), untouched.next())
    #expect(next == same)
  }

  /// Dynamic binarisation: the mean at each of the 17 grey levels is that level, in one pass and in another that differs; the ends
  /// are exact. 30 z-tests at a family-wise level of 30 × 6.8e-6 = 2.1e-4.
  @Test func dynamicBinarization() throws {
    var data = try Dataset.load("digits", labels: "")
    data.isDynamic = true
    let generator = try #require(Generator.named("xoshiro256x8"))
    var random = try RandomStream(generator, index: 3)
    let indices = (0..<Int32(data.count)).map { $0 }
    var passes: [[Double]] = []
    for _ in 0..<2 {
      var stored = [Double](repeating: .nan, count: data.values.count), span = stored.mutableSpan
      data.storeObservations(indices.span, random: &random, into: &span)
      let transposed = data.values.indices.map { stored[$0 % 64 * data.count + $0 / 64] }
      checkBinary(transposed, of: data.values)
      passes.append(transposed)
    }
    // Of P = Σ 2 p (1 − p) expected differences, about √P by chance.
    let expected = data.values.reduce(0) { $0 + 2 * $1 * (1 - $1) }
    let differences = Double(zip(passes[0], passes[1]).count { $0 != $1 })
    #expect(abs(differences - expected) < 4.5 * expected.squareRoot())
  }
}

/// Values are 0 or 1 with the means that they should have, at each of the sixteenths: |z| < 4.5.
func checkBinary(_ drawn: [Double], of probabilities: [Double]) {
  #expect(drawn.allSatisfy { $0 == 0 || $0 == 1 })
  for level in 0...16 {
    let p = Double(level) / 16, places = probabilities.indices.filter { probabilities[$0] == p }
    let sum = places.reduce(0) { $0 + drawn[$1] }, count = Double(places.count)
    #expect(places.count > 1000)
    #expect(abs(sum - count * p) <= 4.5 * (count * p * (1 - p)).squareRoot())
  }
}

/// What a specification says that it reads.
@Suite struct InputFilesTests {
  @Test func labelsAreAFileBesideAnIDXFileOnly() throws {
    let images = try TemporaryFile(idx(0x08, [2, 2], [0, 255, 255, 0])),
      labels = try TemporaryFile(idx(0x08, [2], [1, 0]))
    let table = try TemporaryFile("a,b\n1,2\n")
    func files(_ edit: (inout DatasetOptions) -> Void) -> [String] {
      var specification = VariationalAutoencoderSpecification()
      edit(&specification.dataset)
      return specification.inputFiles
    }
    #expect(files { _ in } == [])
    #expect(files { ($0.data, $0.labels) = (images.path, labels.path) } == [images.path, labels.path])
    #expect(files { ($0.data, $0.labels) = (table.path, "b") } == [table.path])
    #expect(
      files { ($0.data, $0.testData, $0.testLabels) = (images.path, images.path, labels.path) }
        == [images.path, images.path, labels.path])
    #expect(files { $0.data = "nowhere.csv" } == ["nowhere.csv"])
  }
}
