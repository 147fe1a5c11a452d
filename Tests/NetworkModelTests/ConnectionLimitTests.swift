// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@Suite struct ConnectionLimitTests {
  @Test("reads what it writes, and nothing else")
  func text() throws {
    for text in ["1/second", "6/minute", "100000/hour"] {
      let limit = try #require(ConnectionLimit(text))
      #expect(limit.rate == text && limit.text == text && limit.burst == limit.count)
      #expect(ConnectionLimit(text, burst: 7)?.text == "\(text), burst 7")
    }
    for text in [
      "", "6", "6/", "/minute", "6/day", "+6/minute", "-6/minute", "0/minute", "100001/second", "6 /minute",
    ] {
      #expect(ConnectionLimit(text) == nil, "\(text)")
    }
    #expect(ConnectionLimit("6/minute", burst: 0) == nil)
  }

  @Test("a budget is full again when as many connections as its burst were added")
  func budget() throws {
    #expect(ConnectionLimit("6/minute")?.fullAfter == 60_000)
    #expect(ConnectionLimit("6/minute", burst: 1)?.fullAfter == 10_000)
    #expect(ConnectionLimit("7/second", burst: 3)?.fullAfter == 429)
    #expect(ConnectionLimit("1/hour", burst: 100_000)?.fullAfter == 360_000_000_000)
  }
}
