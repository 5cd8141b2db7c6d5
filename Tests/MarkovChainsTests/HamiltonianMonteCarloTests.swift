import CKernels
import EstimatorStatistics
import Foundation
import GradientEstimation
import LatentModels
@testable import MarkovChains
import Randomness
import Testing
import VariationalFamilies

@Suite struct HamiltonianMonteCarloTests {
  /// z and x of the model, a datum a lane: z ~ p(z), x = E[x | z] + e, e ~ N(0, I).
  private func drawn(
    _ model: any LocalLatentModel, lanes: Int, _ random: inout RandomStream
  ) -> (z: [Double], x: [Double]) {
    let z = model.priorDraws(lanes: lanes, random: &random)
    let noise = normals(model.observationDimension * lanes, &random)
    return (z, zip(model.meanObservations(at: z, lanes: lanes), noise).map { $0 + $1 })
  }

  /// The p-value of χ² of ranks that should be uniform, for each coordinate.
  private func calibration(target: TemperedTarget, seed: UInt) throws -> [Double] {
    let lanes = 16384, draws = 15, dimension = 2
    let model = try factorAnalysis(latent: dimension), problem = try problem(model)
    var random = try stream(seed)
    let (truth, x) = drawn(model, lanes: lanes, &random)
    var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 8, jitter: 0.2)
    try chains.start(problem, at: model.priorDraws(lanes: lanes, random: &random), observations: x)
    var ranks = [Int](repeating: 0, count: dimension * lanes)
    func move(_ count: Int, _ chains: inout HamiltonianMonteCarlo, _ random: inout RandomStream) {
      for _ in 0..<count { chains.transition(problem, target: target, stepSize: 0.07, random: &random) }
    }
    move(60, &chains, &random)
    for _ in 0..<draws {
      move(6, &chains, &random)
      let z = chains.positions
      for i in ranks.indices where z[i] < truth[i] { ranks[i] += 1 }
    }
    return (0..<dimension).map { d in
      var counts = [Double](repeating: 0, count: draws + 1)
      for lane in 0..<lanes { counts[ranks[d * lanes + lane]] += 1 }
      let expected = Double(lanes) / Double(draws + 1)
      let chi = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
      return 1 - wb_gamma_p(0.5 * Double(draws), 0.5 * chi)
    }
  }

  /// Simulation-based calibration (Talts et al. 2018): data drawn of the model, each with a z of its own, are inverted by
  /// chains with ε as it is; the rank of z among 15 draws of its chain is uniform. 16384 data, level 10⁻³ over both coordinates.
  /// A chain of another target, β = 0.8, is told.
  @Test func ranksAreUniform() throws {
    let exact = try calibration(target: .posterior, seed: 1)
    #expect(exact.allSatisfy { $0 > 1e-3 / 2 }, "\(exact)")
    let other = try calibration(target: TemperedTarget(beta: 0.8), seed: 1)
    #expect(other.allSatisfy { $0 < 1e-6 }, "\(other)")
  }

  /// Means and variances of N(z; b, (1 + β/s²)⁻¹) over 8192 chains of x | z ~ N(z, s²), whatever they started from: from the
  /// prior, and on the path from another normal, whose precisions and their products with means add up. Each of 18 moments
  /// within 3.9 standard errors: level 2·10⁻³ over all.
  @Test(arguments: [1.0, 0.3, 0])
  func momentsOfKnownTargets(_ beta: Double) throws {
    var model = GaussianModel()
    (model.dimensionOption, model.x, model.noise) = (3, [2, -1, 0.5], 0.5)
    let integrand = try model.makeIntegrand(), problem = try problem(integrand), lanes = 8192
    let base = DiagonalNormal(mean: [1, 0, -1], scale: [0.5, 2, 1])
    for target in [TemperedTarget(beta: beta), TemperedTarget(beta: beta, base: base)] {
      var random = try stream(20 + UInt(10 * beta))
      var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 5, jitter: 0.2)
      try chains.start(problem, at: normals(3 * lanes, &random))
      for _ in 0..<60 { chains.transition(problem, target: target, stepSize: 0.3, random: &random) }
      for d in 0..<3 {
        let isPrior = target.base == nil, start = isPrior ? 0 : base.mean[d]
        let own: Double = isPrior ? 1 : base.precision[d] * (1 - beta)
        let precision: Double = own + (isPrior ? 0 : beta) + beta * 4
        let mean: Double = (own * start + beta * 4 * model.x[d]) / precision
        let z = chains.positions[d * lanes..<(d + 1) * lanes]
        let n = Double(lanes), average = z.reduce(0, +) / n
        let square = z.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        let meanScore = (average - mean) / (1 / (precision * n)).squareRoot()
        let squareScore = (square * precision - 1) / (2 / n).squareRoot()
        #expect(abs(meanScore) < 3.9 && abs(squareScore) < 3.9, "\(beta) \(d): \(meanScore), \(squareScore)")
      }
    }
  }

  /// The error of the energy at the end of a path of one length is O(ε²): of steps half as long a quarter. With the same
  /// momenta, which the same stream gives, over many chains.
  @Test func energyErrorIsOfSecondOrder() throws {
    let model = try factorAnalysis(latent: 3), problem = try problem(model), lanes = 256
    func error(steps: Int) throws -> Double {
      var random = try stream(30)
      let (z, x) = drawn(model, lanes: lanes, &random)
      var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: steps, jitter: 0)
      try chains.start(problem, at: z, observations: x)
      chains.transition(problem, stepSize: 0.32 / Double(steps), random: &random)
      // −log of the acceptances below 1: H' − H of the chains that it rose for, the same ones as steps get short.
      return chains.acceptances.reduce(0) { $0 - log($1) }
    }
    let errors = try [16, 32, 64].map(error)
    #expect(errors[0] > 0)
    // ε² (1 + c ε²): the ratios tend to 4 as fast.
    let (first, second) = (errors[0] / errors[1], errors[1] / errors[2])
    #expect(abs(second - 4) < 0.1 && abs(second - 4) < 0.4 * abs(first - 4) + 0.01, "\(first), \(second)")
  }

  /// A map that is its own inverse but for the sign of p, and keeps volume, takes p = −p' from z' back to z. Here with the
  /// target a normal, whose path is known: z after L steps is the power of a matrix, of determinant 1.
  @Test func leapfrogIsTheMapOfTheBooks() throws {
    var model = GaussianModel()
    (model.dimensionOption, model.x, model.noise) = (1, [0], 1)
    let problem = try problem(try model.makeIntegrand()), lanes = 64, step = 0.11, steps = 7
    var random = try stream(40)
    let start = normals(lanes, &random)
    var twin = try random.copy()
    let momenta = normals(lanes, &twin)
    var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: steps, jitter: 0)
    try chains.start(problem, at: start)
    chains.transition(problem, stepSize: step, random: &random)
    // −log π'' = 2: z' = (1 − ε²) z + ε p, p' = (1 − ε²) p − (2 − ε²) ε z, of determinant (1 − ε²)² + ε² (2 − ε²) = 1.
    let a = 1 - step * step, c = -(2 - step * step) * step
    #expect(abs(a * a - step * c - 1) < 1e-15)
    for lane in 0..<lanes {
      var (z, p) = (start[lane], momenta[lane])
      for _ in 0..<steps { (z, p) = (a * z + step * p, a * p + c * z) }
      let change = start[lane] * start[lane] + 0.5 * momenta[lane] * momenta[lane] - z * z - 0.5 * p * p
      let wanted = chains.isAccepted[lane] ? z : start[lane]
      #expect(abs(chains.positions[lane] - wanted) < 1e-13)
      #expect(abs(chains.acceptances[lane] - min(1, exp(change))) < 1e-12)
      // And back.
      p = -p
      for _ in 0..<steps { (z, p) = (a * z + step * p, a * p + c * z) }
      #expect(abs(z - start[lane]) < 1e-13 && abs(p + momenta[lane]) < 1e-13)
    }
    #expect(chains.isAccepted.contains(true))
  }

  /// On a banana, whose forces are no linear ones: with p the other way round the steps lead back to the last bits, and the
  /// Jacobian of (z, p) in (z, p), by central differences of a lane each, has determinant 1.
  @Test func leapfrogGoesBackAndKeepsVolume() throws {
    var banana = Banana()
    (banana.scale, banana.curvature) = (1.5, 0.4)
    let problem = try problem(try banana.makeIntegrand()), h = 1e-5, lanes = 9
    let target = TemperedTarget(beta: 0.7, base: DiagonalNormal(mean: [0.2, 0.1], scale: [2, 1]))
    // Lane 0 as it is; then up and down in z_1, z_2, p_1, p_2.
    var rows = [0.8, -0.5, 0.6, 1.1].map { [Double](repeating: $0, count: lanes) }
    for i in 0..<4 {
      rows[i][1 + 2 * i] += h
      rows[i][2 + 2 * i] -= h
    }
    func integrate(_ rows: [[Double]]) throws -> [[Double]] {
      var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 12)
      try chains.start(problem, at: rows[0] + rows[1])
      chains.momenta = rows[2] + rows[3]
      chains.steps = Array(repeating: 0.15, count: lanes)
      chains.integrate(problem, target)
      let (z, p) = (chains.positions, chains.momenta)
      return [z, p].flatMap { [Array($0[..<lanes]), Array($0[lanes...])] }
    }
    let there = try integrate(rows)
    let back = try integrate(Array(there[..<2]) + there[2...].map { $0.map { -$0 } })
    for i in 0..<4 {
      #expect(abs(there[i][0] - rows[i][0]) > 0.05)
      for lane in 0..<lanes { #expect(abs((i < 2 ? back[i][lane] : -back[i][lane]) - rows[i][lane]) < 1e-12) }
    }
    var jacobian = (0..<4).map { i in (0..<4).map { j in (there[i][1 + 2 * j] - there[i][2 + 2 * j]) / (2 * h) } }
    var determinant = 1.0
    for i in 0..<4 {
      let pivot = (i..<4).max { abs(jacobian[$0][i]) < abs(jacobian[$1][i]) } ?? i
      if pivot != i { determinant.negate() }
      jacobian.swapAt(i, pivot)
      determinant *= jacobian[i][i]
      for k in i + 1..<4 {
        let share = jacobian[k][i] / jacobian[i][i]
        for j in i..<4 { jacobian[k][j] -= share * jacobian[i][j] }
      }
    }
    // Differences err by h² and by roundings over h.
    #expect(abs(determinant - 1) < 1e-6, "\(determinant)")
  }

  /// Tuned on a minibatch of 100 data and frozen, ε is accepted as stated, and 10 steps of it.
  @Test(arguments: [0.65, 0.9])
  func acceptanceReachesItsTarget(_ wanted: Double) throws {
    let model = try factorAnalysis(latent: 5), problem = try problem(model), lanes = 100
    for initial in [1e-3, 0.1, 10] {
      var random = try stream(50)
      var (z, x) = drawn(model, lanes: lanes, &random)
      var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 10, jitter: 0.1)
      var adaptation = StepSizeAdaptation(initial: initial, acceptance: wanted)
      for _ in 0..<500 {
        adaptation.update(
          acceptance: try chains.transition(
            problem, &z, observations: x, stepSize: adaptation.stepSize, random: &random))
      }
      adaptation.freeze()
      var total = 0.0, accepted = 0.0
      for _ in 0..<200 {
        total += try chains.transition(
          problem, &z, observations: x, stepSize: adaptation.stepSize, random: &random)
        accepted += Double(chains.isAccepted.count { $0 }) / Double(lanes)
      }
      // The averaging of dual averaging leaves a few hundredths.
      #expect(abs(total / 200 - wanted) < 0.03, "from \(initial): \(total / 200)")
      #expect(abs(accepted - total) / 200 < 4 * (0.25 / (200 * 100)).squareRoot())
    }
  }

  /// Same stream, same bits; and evaluations are counted.
  @Test func sameBitsForTheSameStream() throws {
    let model = try factorAnalysis(latent: 4), problem = try problem(model), lanes = 33
    func run() throws -> [Double] {
      var random = try stream(60)
      let (z, x) = drawn(model, lanes: lanes, &random)
      var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 4, jitter: 0.1)
      try chains.start(problem, at: z, observations: x)
      for _ in 0..<5 { chains.transition(problem, stepSize: 0.1, random: &random) }
      #expect(chains.evaluations == 6 && chains.gradientEvaluations == 21)
      #expect(chains.positions != z)
      return chains.positions
    }
    #expect(try run() == run())
  }

  /// Steps so long that everything overflows are rejected, and so is what starts where nothing is a number.
  @Test func whatIsNotFiniteIsRejected() throws {
    let model = try factorAnalysis(latent: 2), problem = try problem(model), lanes = 16
    var random = try stream(70)
    var (z, x) = drawn(model, lanes: lanes, &random)
    let start = z
    var chains = try HamiltonianMonteCarlo(problem, lanes: lanes, leapfrogSteps: 10, jitter: 0.1)
    for step in [1e200, .infinity] {
      #expect(try chains.transition(problem, &z, observations: x, stepSize: step, random: &random) == 0)
      #expect(z == start && !chains.isAccepted.contains(true))
    }
    z[3] = .nan
    let acceptance = try chains.transition(problem, &z, observations: x, stepSize: 0.01, random: &random)
    #expect(acceptance > 0.5 && !chains.isAccepted[3] && z[3].isNaN)
    #expect(chains.isAccepted.indices.allSatisfy { chains.isAccepted[$0] || $0 == 3 })
  }

  @Test func whatHasNoChainsIsRefused() throws {
    func message(_ model: any Integrand) throws -> String {
      let family: any VariationalFamily =
        model.support == .binary
        ? MeanFieldBernoulli(dimension: model.dimension) : MeanFieldNormal(dimension: model.dimension)
      let problem = try Problem(
        model: model, family: family, objective: EvidenceLowerBound(), sampling: IndependentSampling())
      do {
        try HamiltonianMonteCarlo.check(problem)
        return ""
      } catch { return error.description }
    }
    #expect(try message(try BinaryLatent().makeIntegrand()).contains("z of 0 and 1"))
    var regression = LogisticRegression()
    regression.options.minibatch = 32
    #expect(try message(try regression.makeIntegrand()).contains("minibatch=none"))
    let model = try factorAnalysis(latent: 2), problem = try problem(model)
    var chains = try HamiltonianMonteCarlo(problem, lanes: 4)
    #expect(throws: EstimatorError.self) { try chains.start(problem, at: [0], observations: []) }
    do {
      try chains.start(problem, at: [Double](repeating: 0, count: 8), observations: [1])
      Issue.record("observations of the wrong shape are taken")
    } catch { #expect(error.description.contains("observations, [d × B], should be 52")) }
  }
}
