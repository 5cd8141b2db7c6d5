import ExperimentRunner
import Testing

@Suite struct TextTableTests {
  @Test func alignment() {
    let table = TextTable(
      columns: [
        .init("estimator"), .init("variance", unit: "σ²", alignment: .decimalPoint),
        .init("time", unit: "ms", alignment: .right),
      ],
      rows: [
        ["reinforce", "0.741", "9"], ["relax", "12", "10"], ["rebar", "2.4e-31", "1000"], ["gsm", "-", ""],
        ["µ-α", "[0.5, inf]"], ["x", "inf", "1", "beyond"], [],
      ])
    #expect(
      table.rendered() == """
        estimator    variance  time
                           σ²    ms
        ───────────────────────────
        reinforce   0.741         9
        relax      12            10
        rebar       2.4e-31    1000
        gsm                 -
        µ-α        [0.5, inf]
        x                 inf     1

        """)
  }

  @Test func wideHeaderKeepsPointsInLine() {
    let table = TextTable(
      columns: [.init("a long header", alignment: .decimalPoint)], rows: [["1.25"], ["-10.5"], ["7"]])
    #expect(table.rendered() == "a long header\n─────────────\n         1.25\n       -10.5\n         7")
  }

  @Test func boldDoesNotChangeWidths() {
    var table = TextTable(columns: [.init("a"), .init("b", alignment: .right)])
    table.rows = [[.init("x", bold: true), .init("12", bold: true)], ["xyz", .init("", bold: true)]]
    #expect(table.rendered() == "a     b\n───────\nx    12\nxyz")
    let colored = table.rendered(style: .init(isColored: true))
    #expect(colored == "a     b\n───────\n\u{1B}[1mx\u{1B}[0m    \u{1B}[1m12\u{1B}[0m\nxyz")
  }

  @Test func controlCharactersCannotBreakTheTable() {
    let table = TextTable(columns: [.init("h\n1 ")], rows: [["\u{1B}[31m red\t"], ["\r\n"], ["a\u{2028}b"]])
    #expect(table.rendered() == "h 1\n────────\n[31m red\n\na b")
  }

  @Test func emptyTables() {
    #expect(TextTable(columns: []).rendered() == "\n")
    #expect(TextTable(columns: [], rows: [["x"]]).rendered() == "\n\n")
    #expect(TextTable(columns: [.init("")]).rendered() == "\n")
  }
}
