import Estimators
import GradientEstimation
import LatentModels
import Optimization
import Randomness
import SamplingSchemes
import Testing
import VariationalFamilies

@Suite struct GradientAscentTests {
  func problem(_ model: any Integrand, _ objective: any Objective = EvidenceLowerBound()) throws -> Problem {
    try Problem(
      model: model, family: MeanFieldNormal(dimension: model.dimension), objective: objective,
      sampling: IndependentSampling())
  }

  /// x = 2, noise = 0.5.
  func gaussian(dimension: Int = 1) throws -> Problem {
    var model = GaussianModel()
    (model.dimensionOption, model.x, model.noise) = (dimension, [2], 0.5)
    return try problem(try model.makeIntegrand())
  }

  /// Steps are drawn by the scheme; evaluations from independent draws, whatever the scheme: at step 0 they are the same
  /// number. What a scheme or an estimator refuses is refused here too.
  @Test func everySamplingSchemeServes() throws {
    var ascent = GradientAscent(samples: 2, steps: 20, evaluateEvery: 20, evaluationDraws: 101)
    let independent = try curve(ascent, IndependentSampling())
    let schemes: [any SamplingScheme] = [
      AntitheticSampling(), LatinHypercubeSampling(), SobolSampling(), HaltonSampling(), NiederreiterSampling(),
    ]
    for scheme in schemes {
      let curve = try self.curve(ascent, scheme)
      #expect(curve.points[0] == independent.points[0] && curve.points[1] != independent.points[1])
      #expect(curve.status == .finished)
      #expect(throws: EstimatorError.self) { _ = try self.curve(ascent, scheme, .leaveOneOut) }
    }
    ascent.samples = 3
    #expect(throws: EstimatorError.self) { _ = try self.curve(ascent, AntitheticSampling()) }
  }

  private func curve(
    _ ascent: GradientAscent, _ sampling: any SamplingScheme, _ baseline: Baseline = .none
  ) throws -> Curve {
    let problem = try Problem(
      model: try GaussianModel().makeIntegrand(), family: MeanFieldNormal(dimension: 1),
      objective: EvidenceLowerBound(), sampling: sampling)
    return try run(ascent, problem, ScoreFunction(baseline: baseline), sgd(0.001))
  }

  func streams(run: UInt = 0) throws -> RunStreams {
    let generator = try #require(Generator.named("mt19937"))
    func stream(_ index: UInt) throws -> RandomStream { try RandomStream(generator, index: index + 1000 * run) }
    return RunStreams(
      draws: try stream(0), minibatches: try stream(1), estimator: try stream(2), evaluation: try stream(3))
  }

  func sgd(_ rate: Double, averageFrom: Int? = nil) -> SGD {
    var method = SGD()
    method.stepSize.learningRate = rate
    method.averageFrom = averageFrom
    return method
  }

  func run<E: GradientEstimator, O: Optimizer>(
    _ ascent: GradientAscent, _ problem: Problem, _ estimator: E, _ optimizer: O, from start: [Double]? = nil,
    goOn: (Int) -> Bool = { _ in true }
  ) throws -> Curve {
    try ascent.run(
      problem, estimator, optimizer, from: start ?? problem.family.initialParameters, streams: try streams(), goOn: goOn
    )
  }

  /// With the exact gradient the run is a recursion in two numbers: ∂_m = b − a m, ∂_log s = 1 − a s², a = 5, b = 8.
  @Test func followsTheGradient() throws {
    let ascent = GradientAscent(samples: 1, steps: 50, evaluateEvery: 10, savedSteps: Set(0...50))
    let curve = try run(ascent, try gaussian(), ExactGradient(), sgd(0.05))
    var (m, logScale) = (0.0, 0.0)
    for t in 0...50 {
      #expect(curve.saved[t].step == t)
      #expect(abs(curve.saved[t].parameters[0] - m) < 1e-13 && abs(curve.saved[t].parameters[1] - logScale) < 1e-13)
      let s2 = _exp(2 * logScale)
      (m, logScale) = (m + 0.05 * (8 - 5 * m), logScale + 0.05 * (1 - 5 * s2))
    }
    #expect(curve.points.map(\.step) == [0, 10, 20, 30, 40, 50] && curve.status == .finished)
    #expect(curve.points.dropLast().allSatisfy { $0.status == .running })
  }

  private func _exp(_ x: Double) -> Double { (1...40).reversed().reduce(1.0) { 1 + x / Double($1) * $0 } }

  /// z-scores of the estimates against the exact objective, and exactness at the end.
  @Test func estimatesAgreeWithTheExactObjective() throws {
    let ascent = GradientAscent(samples: 4, steps: 400, evaluateEvery: 2, evaluationDraws: 500)
    let curve = try run(ascent, try gaussian(dimension: 3), Reparameterization(), sgd(0.02))
    // 201 evaluations, family-wise at 10⁻³.
    for point in curve.points {
      let value = try #require(point.value), exact = try #require(point.exact), error = try #require(point.mcse)
      #expect(abs(value - exact) <= 4.6 * error, "step \(point.step)")
    }
    #expect(curve.points.count == 201)
  }

  @Test func lookingChangesNoStep() throws {
    let problem = try gaussian(dimension: 2)
    let often = GradientAscent(samples: 2, steps: 60, evaluateEvery: 1, evaluationDraws: 70, savedSteps: [60])
    let seldom = GradientAscent(samples: 2, steps: 60, evaluateEvery: 60, savedSteps: [60])
    let estimator = ScoreFunction(baseline: .movingAverage)
    let a = try run(often, problem, estimator, Adam()), b = try run(seldom, problem, estimator, Adam())
    #expect(a.saved[0].parameters == b.saved[0].parameters && a.points.count == 61 && b.points.count == 2)
  }

  @Test func averagesIterates() throws {
    let problem = try gaussian()
    let ascent = GradientAscent(samples: 1, steps: 30, evaluateEvery: 10, savedSteps: Set(0...30))
    let plain = try run(ascent, problem, Reparameterization(), sgd(0.05))
    let averaged = try run(ascent, problem, Reparameterization(), sgd(0.05, averageFrom: 12))
    for t in 0...30 {
      let tail = plain.saved[(t < 12 ? t : 12)...t]
      for p in 0..<2 {
        let mean = tail.reduce(0) { $0 + $1.parameters[p] } / Double(tail.count)
        #expect(abs(averaged.saved[t].parameters[p] - mean) < 1e-14, "step \(t)")
      }
    }
    let exact = try #require(problem.exact(at: averaged.saved[30].parameters)).value
    #expect(averaged.points.last?.exact == exact, "what is evaluated is the average")
  }

  @Test func descendsWhereTheLiteratureMinimises() throws {
    let cost = try problem(try QuadraticCost().makeIntegrand(), Expectation())
    let curve = try run(
      GradientAscent(samples: 2, steps: 200, evaluateEvery: 200), cost, Reparameterization(), sgd(0.05),
      from: [3, 0])
    let values = curve.points.compactMap(\.exact)
    #expect(values.first == 10 && (values.last ?? 1) < 0.05)
  }

  @Test func divergenceIsAnOutcome() throws {
    let ascent = GradientAscent(samples: 1, steps: 1000, evaluateEvery: 100)
    let curve = try run(ascent, try gaussian(), Reparameterization(), sgd(1e3))
    let last = try #require(curve.points.last)
    #expect(curve.status == .diverged && last.step < 1000)
    #expect(curve.points.dropLast().allSatisfy { $0.status == .running })
  }

  /// Two draws: the standard error is half their distance.
  @Test func standardErrorsOfTheFewest() throws {
    let problem = try gaussian(), start = problem.family.initialParameters
    let ascent = GradientAscent(samples: 1, steps: 1, evaluateEvery: 1, evaluationDraws: 2)
    let point = try #require(try run(ascent, problem, ExactGradient(), sgd(0.1)).points.first)
    let generator = try #require(Generator.named("mt19937"))
    var random = try RandomStream(generator, index: 3)
    var block = DrawBlock(shape: Shape(samples: 1, dimension: 1, parameters: 2, lanes: 2), parameters: start)
    block.sample(problem, random: &random)
    block.evaluate(Quantities(values: problem.terms), of: problem)
    let values = (0..<2).map { lane in
      problem.terms.members.reduce(0) { $0 + block.evaluation.values(of: $1)[lane] }
    }
    let (value, mcse) = (0.5 * (values[0] + values[1]), 0.5 * abs(values[0] - values[1]))
    #expect(abs((point.value ?? .nan) - value) < 1e-14 && abs((point.mcse ?? .nan) - mcse) < 1e-14)
  }

  /// The exact objective says whether a run is lost, where it is known.
  @Test func anObjectiveThatIsNotFiniteIsDivergence() throws {
    let model = try PoissonRegression().makeIntegrand()
    let problem = try problem(model)
    let wide = Array(repeating: 0.0, count: model.dimension) + Array(repeating: 4.0, count: model.dimension)
    let ascent = GradientAscent(samples: 1, steps: 3, evaluateEvery: 1, evaluationDraws: 2)
    let curve = try run(ascent, problem, ExactGradient(), sgd(1e-300), from: wide)
    #expect(curve.points.map(\.status) == [.diverged] && curve.points[0].exact == -.infinity)
  }

  @Test func whatARunEndsWithIsSaved() throws {
    let ascent = GradientAscent(
      samples: 10, steps: 100_000, evaluateEvery: 20, savedSteps: [0, 100_000],
      convergenceRule: ConvergenceRule(relativeChange: 0.01))
    let curve = try run(ascent, try gaussian(), StickingTheLanding(), sgd(0.05))
    let last = try #require(curve.points.last)
    #expect(curve.status == .converged && curve.saved.map(\.step) == [0, last.step])
  }

  /// However wide q becomes, looking at it takes no longer: the exact bound's quadrature does not grow with it.
  @Test func aRunThatIsLostOnALogisticModelEndsAtOnce() throws {
    let model = try LogisticRegression().makeIntegrand()
    let problem = try problem(model)
    let ascent = GradientAscent(samples: 1, steps: 200, evaluateEvery: 1, evaluationDraws: 10)
    let curve = try run(ascent, problem, ScoreFunction(), sgd(1))
    let widest = curve.points.compactMap(\.exact).min() ?? 0
    #expect(curve.status == .diverged && widest < -1e6)
  }

  @Test func interruptionKeepsWhatWasDone() throws {
    let ascent = GradientAscent(samples: 1, steps: 1000, evaluateEvery: 10)
    let curve = try run(ascent, try gaussian(), Reparameterization(), sgd(0.01)) { $0 < 25 }
    #expect(curve.points.map(\.step) == [0, 10, 20, 25] && curve.status == .interrupted)
    #expect(curve.points.last?.value == nil && curve.points[2].value != nil)
    let whole = try run(ascent, try gaussian(), Reparameterization(), sgd(0.01))
    #expect(Array(whole.points[..<3]) == Array(curve.points[..<3]))
  }

  @Test func stopsWhereItConverges() throws {
    let ascent = GradientAscent(
      samples: 10, steps: 100_000, evaluateEvery: 20, convergenceRule: ConvergenceRule(relativeChange: 0.01))
    let curve = try run(ascent, try gaussian(), StickingTheLanding(), sgd(0.05))
    let last = try #require(curve.points.last)
    #expect(curve.status == .converged && last.step >= 180 && last.step < 2000)
    #expect(abs((last.exact ?? 0) - -2.630510309) < 0.01)
  }

  /// Adds to every coordinate how often it has adapted.
  struct Counting: GradientEstimator {
    static let descriptor = Descriptor<Self>(id: "counting", summary: "counts its batches")
    func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
      Requirements(quantities: Quantities())
    }
    func initialState(for problem: Problem, parameters: [Double]) -> Int { 0 }
    func warmUp(for state: Int) -> WarmUp? { WarmUp(lanes: 1, batches: 1) }
    func estimate(
      _ problem: Problem, _ block: borrowing DrawBlock, state: Int, random: inout RandomStream,
      workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
    ) {
      for p in gradients.indices { gradients[p] += Double(state) }
    }
    func adapt(_ state: inout Int, problem: Problem, block: borrowing DrawBlock, workspace: inout NoWorkspace) {
      state += 1
    }
  }

  @Test func adaptiveStateIsCarriedAlong() throws {
    let ascent = GradientAscent(samples: 1, steps: 6, evaluateEvery: 6, savedSteps: [6])
    let curve = try run(ascent, try gaussian(), Counting(), sgd(1 / 64))
    #expect(curve.saved[0].parameters == [15.0 / 64, 15.0 / 64])
  }

  /// The gradient is the λ that its state was made for.
  struct Echo: GradientEstimator {
    static let descriptor = Descriptor<Self>(id: "echo", summary: "its state")
    func requirements(samples: Int, of problem: Problem) throws(EstimatorError) -> Requirements {
      Requirements(quantities: Quantities())
    }
    func initialState(for problem: Problem, parameters: [Double]) -> [Double] { parameters }
    func estimate(
      _ problem: Problem, _ block: borrowing DrawBlock, state: [Double], random: inout RandomStream,
      workspace: inout NoWorkspace, into gradients: inout MutableSpan<Double>
    ) {
      for p in gradients.indices { gradients[p] += state[p] }
    }
  }

  @Test func aStateThatDoesNotAdaptFollowsTheParameters() throws {
    let ascent = GradientAscent(samples: 1, steps: 5, evaluateEvery: 5, savedSteps: [5])
    let curve = try run(ascent, try gaussian(), Echo(), sgd(1), from: [1, -0.125])
    #expect(curve.saved[0].parameters == [32, -4])
  }
}
