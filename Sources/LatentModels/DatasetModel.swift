internal import GradientEstimation
internal import Randomness

/// A model of a `DataSplit`.
protocol DatasetModel: LocalLatentModel {
  var data: DataSplit { get }
}

extension DatasetModel {
  private func part(_ part: DataPart) -> Dataset { part == .training ? data.training : data.test }
  var observationDimension: Int { data.training.dimension }
  var observationsAreDrawn: Bool { data.isDynamic }
  func dataCount(_ part: DataPart) -> Int { self.part(part).count }
  func label(of part: DataPart, _ index: Int) -> Int? { self.part(part).labels?[index] }

  func storeObservations(
    of part: DataPart, _ indices: [Int32], random: inout RandomStream, into observations: inout MutableSpan<Double>
  ) {
    self.part(part).storeObservations(indices.span, random: &random, into: &observations)
  }
}

extension DataSplit {
  /// The datum of row `number` of the file, from 1, in whichever part it is.
  ///
  /// - Throws: `ComponentError` where the file has no such row.
  func datum(_ number: Int) throws(ComponentError) -> [Double] {
    let all = trainingRows.count + testRows.count, d = training.dimension
    if let n = trainingRows.firstIndex(of: number) { return Array(training.values[n * d..<(n + 1) * d]) }
    guard let n = testRows.firstIndex(of: number) else {
      throw ComponentError(option: "datum", "is \(number), and the data have \(all) rows")
    }
    return Array(test.values[n * d..<(n + 1) * d])
  }

  /// - Throws: `ComponentError` where there are not so many data to train on.
  func check(minibatch: Int) throws(ComponentError) {
    guard minibatch <= training.count else {
      throw ComponentError(
        option: "minibatch", "is \(minibatch), and there are \(training.count) data to train on")
    }
  }
}

/// What weights are drawn by, of the workbench's standard generator.
func weightStream(seed: Int) throws(ComponentError) -> RandomStream {
  do throws(RandomnessError) {
    guard let generator = Generator.named(Generator.standardName) else {
      throw RandomnessError("generator '\(Generator.standardName)' is missing")
    }
    return try RandomStream(generator, index: UInt(seed))
  } catch {
    throw ComponentError(option: "weights", error.description)
  }
}
