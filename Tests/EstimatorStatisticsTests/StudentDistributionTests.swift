import EstimatorStatistics
import Testing

/// The table is by scipy 1.17.1:
///
///     from scipy.stats import t
///     for nu in (...): print(nu, *[t.ppf(p, nu) for p in (0.975, 0.9995, 0.99999)])
@Suite struct StudentDistributionTests {
  @Test(arguments: [
    (1, 12.706204736174694, 636.6192487687897, 31830.988608051957),
    (1.5, 6.016663104427929, 82.84744670366369, 1124.5001233846192),
    (2, 4.302652729749462, 31.599054576445365, 223.60344363454604),
    (2.5, 3.5746548420036817, 18.277893528131457, 87.64328685682148),
    (3, 3.1824463052837078, 12.923978636687961, 47.92772837600671),
    (5, 2.5705818356363146, 6.868826625881276, 15.546854534969158),
    (10, 2.228138851986274, 4.586893858702708, 7.526954019343624),
    (30, 2.0422724563012378, 3.6459586350420627, 5.054032421448104),
    (99.5, 1.9840936109906238, 3.3910073945529136, 4.479546531764548),
    (150, 1.9759053308966201, 3.356568981742476, 4.4052203897514195),
    (250, 1.9694983934211532, 3.329867205673151, 4.34813357708289),
    (1000, 1.9623390808264083, 3.300282648423944, 4.285437682653988),
    (10000.0, 1.960201239890626, 3.2914999659416355, 4.266937665767679),
    (100000.0, 1.9599877075346095, 3.2906240314119137, 4.265095403182341),
    (1000000.0, 1.959966356814107, 3.2905364612487222, 4.264911254070676),
  ])
  func quantiles(degrees: Double, t975: Double, t9995: Double, t99999: Double) {
    // At 1e6 degrees the normal quantile stands in: 2.4e-6 less at 0.975, 2e-5 at 0.99999.
    let tolerance = degrees < 1e6 ? 1e-10 : 6e-6
    for (p, t) in [(0.975, t975), (0.9995, t9995), (0.99999, t99999)] {
      expectClose(StudentDistribution.quantile(p, degrees: degrees), t, relative: tolerance)
      expectClose(
        StudentDistribution.quantile(1 - p, degrees: degrees), -t, relative: max(tolerance, 1e-10))
    }
  }

  @Test func closedForms() {
    for t in [0.0, 0.1, 0.5, 1, 1.7, 1.8, 3, 10, 1000] {
      // One degree of freedom is Cauchy's law, two have an algebraic form.
      let two = 0.5 + 0.5 * t / (2 + t * t).squareRoot()
      expectClose(StudentDistribution.cumulative(t, degrees: 2), two, relative: 1e-14)
      expectClose(StudentDistribution.cumulative(-t, degrees: 2), 1 - two, relative: 1e-9)
    }
    expectClose(StudentDistribution.cumulative(1, degrees: 1), 0.75, relative: 1e-14)
    #expect(StudentDistribution.cumulative(0, degrees: 7.5) == 0.5)
  }

  @Test func roundTrip() {
    for degrees in [0.5, 1, 2, 2.7, 8, 123.4, 5e4] {
      for p in [0.501, 0.6, 0.9, 0.975, 0.999, 0.999_99] {
        let t = StudentDistribution.quantile(p, degrees: degrees)
        expectClose(StudentDistribution.cumulative(t, degrees: degrees), p, relative: 1e-13 + 1e-14 * degrees)
      }
    }
  }

  @Test func fewerDegreesHaveHeavierTails() {
    var last = Double.infinity
    for degrees in [1, 1.5, 2, 3, 5, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e9] {
      let t = StudentDistribution.quantile(0.975, degrees: degrees)
      #expect(t < last || degrees == 1e9)
      last = t
    }
    #expect(last == NormalDistribution.quantile(0.975))
  }

  @Test func endsOfTheRange() {
    #expect(StudentDistribution.quantile(0, degrees: 3) == -.infinity)
    #expect(StudentDistribution.quantile(1, degrees: 3) == .infinity)
    expectClose(StudentDistribution.quantile(0.5, degrees: 3), 0, absolute: 1e-15)
    #expect(StudentDistribution.quantile(.nan, degrees: 3).isNaN)
    #expect(StudentDistribution.quantile(0.9, degrees: 0).isNaN)
  }
}
