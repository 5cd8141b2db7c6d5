internal import GradientEstimation

/// The options that all models that are fitted to data sets have.
public struct DatasetOptions: Hashable, Sendable {
  /// What pixels are to a model.
  public enum Pixels: String, CaseIterable, Hashable, Sendable {
    /// The numbers as they are.
    case real
    /// 0 and 1, drawn once for all, each 1 with the pixel's value as its probability.
    case fixed
    /// The same, drawn anew each time that a datum is used.
    case dynamic
  }

  public var data = "digits"
  public var labels = ""
  public var pixels = Pixels.real
  public var standardize = false
  public var testShare = 0.2
  public var testData = ""
  public var testLabels = ""
  public var splitSeed = 1

  public init() {}

  /// The files that these options name and that are no data set that is shipped: data, then labels where they are a file of
  /// their own, as those of an IDX file are; of the data to train on, then of those to test with.
  var inputFiles: [String] {
    [(data, labels), (testData, testLabels)].flatMap { data, labels in
      let files = NumericTable.inputFiles(data)
      return files.isEmpty || labels.isEmpty || !IDXFile.isFile(data) ? files : files + [labels]
    }
  }

  /// - Throws: `ComponentError` if values are to be binarised and standardised, or if test data come from two places or none.
  func check() throws(ComponentError) {
    guard !standardize || pixels == .real else {
      throw ComponentError(
        option: "standardize", "standardised values are no probabilities; use pixels=real or standardize=false")
    }
    guard testData.isEmpty || testShare == DatasetOptions().testShare || testShare == 0 else {
      throw ComponentError(option: "test_share", "has no effect beside test_data=\(testData)")
    }
    guard testLabels.isEmpty || !testData.isEmpty else {
      throw ComponentError(option: "test_labels", "has no effect without test_data")
    }
  }
}

/// A component that is fitted to a data set by `DatasetOptions`.
protocol DatasetSpecification: Component {
  var dataset: DatasetOptions { get set }
}

extension DatasetSpecification {
  /// In the order of canonical text.
  static var datasetOptions: [Option<Self>] {
    [
      .text("data", \.dataset.data, "a shipped data set, or the path of an IDX file, plain or gzip, or of a CSV file"),
      .text(
        "labels", \.dataset.labels,
        "path of an IDX file of labels, or of a CSV file the column that is one; empty: none, or those that are shipped"
      ),
      .choice("pixels", \.dataset.pixels, "as they are, or binarised by their value: once for all, or at each use"),
      .flag(
        "standardize", \.dataset.standardize,
        "give every column mean 0 and standard deviation 1 on the data to train on"),
      .real(
        "test_share", \.dataset.testShare, in: RealBounds(lower: 0, upper: 0.99),
        "share of the data to test with; 0: none"),
      .text(
        "test_data", \.dataset.testData,
        "a file of its own to test with, and data= all to train on; empty: a share of data"),
      .text("test_labels", \.dataset.testLabels, "path of an IDX file of test_data's labels; empty: none"),
      .integer("split_seed", \.dataset.splitSeed, in: 0...1_000_000_000, "seed of the split and of fixed binarisation"),
    ]
  }
}
