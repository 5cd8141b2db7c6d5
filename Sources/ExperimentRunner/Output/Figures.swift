package import EstimatorStatistics
package import GradientEstimation

/// The figures of an entry and block: a row of `variance.csv`.
package struct BlockFigures: Sendable {
  package let block: ParameterBlock
  package let variance: Double
  package let interval: VarianceInterval
  package let mark: IntervalMark
  package let varianceMax: Double
  package let gradientNorm: Double
  package let snr: Double?
  package let kurtosis: Double?
  /// Against the exact gradient, where it is known.
  package let exactNorm: Double?
  package let bias: BiasTest?
  package let biasBound: Double?
  package let mse: Double?
  /// Of |g − E g|; nil where the variance is zero to rounding, or the largest values do not tell.
  package let tail: ParetoTail?
}

/// The figures of a coordinate: a row of `coordinates.csv`.
package struct CoordinateFigures: Sendable {
  package let block: String
  package let index: Int
  package let mean: Double
  package let mcse: Double
  package let exact: Double?
  package let biasZ: Double?
  package let variance: Double
  package let interval: VarianceInterval
}

/// The figures of an estimator in a cell.
package struct EntryFigures: Sendable {
  package let entry: Entry
  /// What the figures were made from, for intervals at other levels.
  package let moments: GradientMoments
  package let nonfinite: Int
  package let warmUp: WarmUp?
  package let blocks: [BlockFigures]
  package let coordinates: [CoordinateFigures]

  /// Whether there are replicates enough to call a bias a bias: fifty times the largest kurtosis of a coordinate. The
  /// mean of fewer is not yet normal in the far tail.
  package var biasCanBeJudged: Bool {
    Double(moments.count) >= 50 * (moments.mean.indices.map { moments.kurtosis(of: $0) }.max() ?? .infinity)
  }

  /// Whether it is a Monte Carlo estimator that lost no replicate and has a finite variance. References that evaluate
  /// nothing do not compete.
  package var competes: Bool { entry.cost > 0 && nonfinite == 0 && all?.variance.isFinite ?? false }

  /// Those of all parameters.
  package var all: BlockFigures? { blocks.last }
}

/// All figures of a cell.
package struct CellFigures: Sendable {
  package let cell: Cell
  /// R: what was taken, finite or not.
  package let replicates: Int
  /// What the stopping rule had wished and did not get.
  package let shortfall: StoppingRule.Shortfall?
  package let entries: [EntryFigures]
  /// Those of the gradient in the model's parameters, which all estimators have in common; nil where there are none.
  package let model: EntryFigures?
  package let pairs: [PairFigures]
  package let requested: RequestedDiagnostics
}

extension CellFigures {
  /// The block `model_parameters` with its replicates that were not finite, where there is one.
  var modelBlock: [(figures: BlockFigures, nonfinite: Int)] {
    model.flatMap { model in model.all.map { [($0, model.nonfinite)] } } ?? []
  }

  init(_ measurement: CellMeasurement, _ requested: RequestedDiagnostics = RequestedDiagnostics()) {
    let cell = measurement.cell, moments = measurement.moments
    self.cell = cell
    replicates = measurement.replicates
    shortfall = measurement.shortfall
    self.requested = requested
    entries = cell.entries.indices.map { e in
      EntryFigures(
        entry: cell.entries[e], moments.entries[e], floor: measurement.floors[e], exact: cell.exact?.gradient,
        blocks: measurement.blocks, warmUp: measurement.warmUps[e],
        hasTails: !cell.problem.family.support.isDiscrete)
    }
    model = moments.companion.flatMap { companion in
      guard let entry = cell.entries.first, let floor = measurement.floors.last else { return nil }
      return EntryFigures(
        entry: entry, companion, floor: floor, exact: cell.exact?.modelGradient,
        blocks: CellMeasurement.modelBlocks(cell), warmUp: nil, hasTails: false)
    }
    let pairCount = moments.pairs.count
    let figures = entries
    pairs = moments.pairs.enumerated().flatMap { pair, members in
      measurement.blocks.indices.map { block in
        PairFigures(
          block: measurement.blocks[block].name, members, figures, blockIndex: block, pairCount: pairCount,
          replicates: measurement.replicates
        ) { moments.ratio(pair: pair, block: block, level: $0) }
      }
    }
  }
}

extension EntryFigures {
  init(
    entry: Entry, _ moments: GradientMoments, floor: [Double], exact: [Double]?, blocks: [ParameterBlock],
    warmUp: WarmUp?, hasTails: Bool
  ) {
    self.entry = entry
    self.moments = moments
    self.warmUp = warmUp
    nonfinite = moments.nonfinite
    let count = moments.count
    let variances = moments.mean.indices.map { moments.variance(of: $0) }
    // A floor that overflowed says nothing.
    func weight(_ p: Int) -> Double { moments.weights?[p] ?? 1 }
    let meanFloor = floor.map { $0.isFinite ? $0.squareRoot() : 0 }
    func test(_ range: Range<Int>) -> BiasTest? {
      exact.map {
        BiasTest(
          mean: moments.mean[range], exact: $0[range], variance: variances[range], count: count,
          floor: meanFloor[range], weights: moments.weights?[range])
      }
    }
    self.blocks = blocks.enumerated().map { index, block in
      let range = block.range
      let variance = range.reduce(0) { $0 + weight($1) * variances[$1] }
      let floorVariance = range.reduce(0) { $0 + weight($1) * floor[$1] }
      let interval = moments.interval(ofBlock: index)
      let mark = moments.mark(ofBlock: index, floor: floor), isZero = mark == .rounding
      let norm2 = range.reduce(0) { $0 + weight($1) * (moments.mean[$1] * moments.mean[$1]) }
      let bias = test(range)
      let exactNorm = exact.map { g in range.reduce(0) { $0 + weight($1) * (g[$1] * g[$1]) }.squareRoot() }
      let mean2 = max(0, norm2 - variance / Double(count))
      return BlockFigures(
        block: block, variance: variance, interval: interval,
        mark: mark,
        varianceMax: range.map { weight($0) * variances[$0] }.max() ?? 0,
        gradientNorm: count > 0 ? norm2.squareRoot() : .nan,
        snr: isZero ? nil : (mean2 / variance).squareRoot(),
        kurtosis: isZero ? nil : moments.kurtosis(ofBlock: index), exactNorm: exactNorm, bias: bias,
        biasBound: bias.flatMap { test in
          // Of a gradient that is nothing to rounding there is no relative bias to speak of.
          test.relativeBound.isNaN || (exactNorm ?? 0) <= floorVariance.squareRoot() ? nil : test.relativeBound
        },
        mse: exact.map { g in
          range.reduce(variance) {
            $0 + weight($1) * ((moments.mean[$1] - g[$1]) * (moments.mean[$1] - g[$1]))
          }
            - variance / Double(count)
        }, tail: isZero || !hasTails ? nil : moments.tail(ofBlock: index))
    }
    coordinates = blocks.dropLast().flatMap { block in
      let bias = test(block.range)
      return block.range.enumerated().map { index, p in
        CoordinateFigures(
          block: block.name, index: index, mean: moments.mean[p],
          mcse: (variances[p] / Double(count)).squareRoot(), exact: exact?[p], biasZ: bias?.z[index],
          variance: variances[p],
          interval: moments.interval(of: p))
      }
    }
  }
}
