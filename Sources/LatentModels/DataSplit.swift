internal import GradientEstimation
internal import Randomness

/// Data in two parts: one to train on, one to test with.
struct DataSplit: Hashable, Sendable {
  let training: Dataset
  /// Of count 0 if there is none.
  let test: Dataset
  /// Where the data of each part were in the file, from 1, ascending. The rows of a file of test data count on from there.
  let trainingRows: [Int]
  let testRows: [Int]
  /// Whether pixels are drawn anew each time that they are used.
  var isDynamic: Bool { training.isDynamic }

  /// Reads what the options name, binarises, splits and standardises, in this order: what a pixel is drawn as depends on its
  /// row in the file and on the seed, not on the part that it falls into; and no test datum has a part in mean and scale.
  ///
  /// - Throws: `ComponentError` for options that contradict each other, a file at fault, values that cannot be binarised or
  ///   columns that cannot be standardised.
  init(_ options: DatasetOptions) throws(ComponentError) {
    try options.check()
    var data = try Dataset.load(options.data, labels: options.labels)
    var other = options.testData.isEmpty ? nil : try DataSplit.testData(options, for: data)
    var random = try DataSplit.stream("binarization", seed: options.splitSeed)
    try data.prepare(options.pixels, random: &random)
    try other?.prepare(options.pixels, random: &random)
    let all = data.count + (other?.count ?? 0)
    let rows = other == nil ? try DataSplit.testRows(of: data, options) : Array(data.count..<all)
    let isTest = Set(rows)
    trainingRows = (0..<all).filter { !isTest.contains($0) }.map { $0 + 1 }
    testRows = rows.map { $0 + 1 }
    var test = other ?? data.remove(rows)
    if options.standardize {
      let (mean, scale) = try data.columnMoments()
      data.standardize(mean: mean, scale: scale)
      test.standardize(mean: mean, scale: scale)
    }
    (training, self.test) = (data, test)
  }

  /// The file of test data, which must be of the same kind as those to train on. An IDX file has its labels in another; in a
  /// CSV file they have the same name.
  private static func testData(_ options: DatasetOptions, for data: Dataset) throws(ComponentError) -> Dataset {
    let isTable = !data.columns.isEmpty
    guard options.testLabels.isEmpty || !isTable else {
      throw ComponentError(option: "test_labels", "has no effect: labels of \(data.source) are a column of it")
    }
    let test: Dataset
    do throws(ComponentError) {
      test = try Dataset.load(options.testData, labels: isTable ? options.labels : options.testLabels)
    } catch {
      let option = error.option == "labels" && isTable ? "labels" : error.option.map { "test_" + $0 }
      throw ComponentError(option: option, error.description)
    }
    func fault(_ mine: String, _ its: String) -> ComponentError {
      ComponentError(option: "test_data", "\(test.source) has \(mine), and \(data.source) \(its); the two must agree")
    }
    guard test.dimension == data.dimension, test.image == data.image else { throw fault(test.shape, data.shape) }
    for i in 0..<data.dimension where test.place(ofColumn: i) != data.place(ofColumn: i) {
      throw fault(test.place(ofColumn: i), data.place(ofColumn: i))
    }
    return test
  }

  /// A random subset of the rows, from 0, ascending.
  private static func testRows(of data: Dataset, _ options: DatasetOptions) throws(ComponentError) -> [Int] {
    let size = try testCount(of: data, share: options.testShare)
    guard size > 0 else { return [] }
    var random = try stream("split", seed: options.splitSeed)
    var order = (0..<Int32(data.count)).map { $0 }, chosen = [Int32](repeating: 0, count: size)
    var span = chosen.mutableSpan
    random.choose(size, of: &order, lanes: 1, into: &span)
    return chosen.map { Int($0) }.sorted()
  }

  /// Of the workbench's own generator whatever a run's, so that a split belongs to its seed alone.
  static func key(_ role: String, seed: Int) -> StreamKey {
    StreamKey(seed: UInt64(seed), cell: "data", role: role)
  }

  private static func stream(_ role: String, seed: Int) throws(ComponentError) -> RandomStream {
    do throws(RandomnessError) {
      guard let generator = Generator.named("xoshiro256x8") else {
        throw RandomnessError("generator 'xoshiro256x8' is missing")
      }
      return try key(role, seed: seed).streams(generator).stream(0)
    } catch {
      throw ComponentError(option: "split_seed", error.description)
    }
  }

  /// N · share, rounded; of a share above 0 at least one, and one for training.
  private static func testCount(of data: Dataset, share: Double) throws(ComponentError) -> Int {
    guard share > 0 else { return 0 }
    guard data.count > 1 else {
      throw ComponentError(
        option: "test_share", "\(data.source) has one datum, and nothing to test with; use test_share=0")
    }
    return min(max(Int((Double(data.count) * share).rounded()), 1), data.count - 1)
  }
}

extension Dataset {
  /// Of one datum, for messages.
  fileprivate var shape: String {
    if let image { return "images of \(image.rows) × \(image.columns)" }
    return "vectors of \(dimension)"
  }

  /// - Throws: `ComponentError` if they are to be binarised and cannot be.
  fileprivate mutating func prepare(_ pixels: DatasetOptions.Pixels, random: inout RandomStream) throws(ComponentError)
  {
    guard pixels != .real else { return }
    try checkProbabilities()
    if pixels == .dynamic { isDynamic = true } else { binarize(&random) }
  }

  /// - Throws: `ComponentError` with the place of the first value outside of [0, 1].
  func checkProbabilities() throws(ComponentError) {
    guard let bad = values.firstIndex(where: { !($0 >= 0 && $0 <= 1) }) else { return }
    throw ComponentError(
      option: "pixels",
      "\(source): datum \(bad / dimension + 1), \(place(ofColumn: bad % dimension)) is \(values[bad]); to be binarised it must be from 0 to 1"
    )
  }

  /// Makes every value p a 1 with probability p, else a 0.
  mutating func binarize(_ random: inout RandomStream) {
    var uniforms = [Double](repeating: 0, count: dimension)
    for n in 0..<count {
      var span = uniforms.mutableSpan
      random.fillUniforms(&span)
      for i in 0..<dimension { values[n * dimension + i] = uniforms[i] < values[n * dimension + i] ? 1 : 0 }
    }
  }

  /// Mean and standard deviation of each column, divisor N.
  ///
  /// - Throws: `ComponentError` naming a column that is constant.
  func columnMoments() throws(ComponentError) -> (mean: [Double], scale: [Double]) {
    let d = dimension
    var mean = [Double](repeating: 0, count: d), scale = mean, varies = [Bool](repeating: false, count: d)
    for n in 0..<count { for i in 0..<d { mean[i] += values[n * d + i] / Double(count) } }
    for n in 0..<count {
      for i in 0..<d {
        let deviation = values[n * d + i] - mean[i]
        scale[i] += deviation * deviation / Double(count)
        // A column of one value may have a mean that rounds to another: compare, rather than trust scale > 0.
        if values[n * d + i] != values[i] { varies[i] = true }
      }
    }
    for i in 0..<d {
      scale[i] = scale[i].squareRoot()
      guard varies[i], scale[i] > 0, scale[i].isFinite else {
        throw ComponentError(
          option: "standardize",
          "\(source): \(place(ofColumn: i)) is constant in the data to train on and cannot be standardised; use standardize=false"
        )
      }
    }
    return (mean, scale)
  }

  mutating func standardize(mean: [Double], scale: [Double]) {
    let d = dimension
    for n in 0..<count { for i in 0..<d { values[n * d + i] = (values[n * d + i] - mean[i]) / scale[i] } }
  }
}
