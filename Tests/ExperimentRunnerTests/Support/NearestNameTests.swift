import ExperimentRunner
import Testing

@Suite struct NearestNameTests {
  @Test(arguments: [
    ("reinforc", "reinforce"), ("REINFORCE", "reinforce"), ("rienforce", "reinforce"),
    ("relaxx", "relax"), ("batch-size", "batch_size"), ("batchsize", "batch_size"),
    ("Batch-Sise", "batch_size"), ("reinforce", "reinforce"), ("elax", "relax"),
  ])
  func misspellings(name: String, meant: String) {
    #expect(nearestName(to: name, among: ["batch_size", "relax", "rebar", "reinforce"]) == meant)
  }

  @Test(arguments: ["", "gumbel", "re", "batch", "xyz", String(repeating: "relax", count: 100_000)])
  func nothingNear(name: String) {
    #expect(nearestName(to: name, among: ["batch_size", "relax", "rebar", "reinforce", ""]) == nil)
  }

  @Test func oneLetterNeedsSomethingInCommon() {
    #expect(nearestName(to: "x", among: ["y"]) == nil)
    #expect(nearestName(to: "x", among: ["X"]) == "X")
    #expect(nearestName(to: "x", among: ["xs"]) == "xs")
    #expect(nearestName(to: "ab", among: ["ba"]) == "ba")
    #expect(nearestName(to: "a", among: []) == nil)
  }

  @Test func cheapSubstitutionsBreakTies() {
    #expect(nearestName(to: "a_b", among: ["axb", "a-b"]) == "a-b")
    #expect(nearestName(to: "cat", among: ["bat", "Cat"]) == "Cat")
  }

  @Test func tiesDoNotDependOnTheOrder() {
    #expect(nearestName(to: "cat", among: ["hat", "bat", "rat"]) == "bat")
    #expect(nearestName(to: "cat", among: ["rat", "bat", "hat", "bat"]) == "bat")
  }
}
