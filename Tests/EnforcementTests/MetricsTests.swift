// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import Ruleset
import Testing

@Suite("Metrics")
struct MetricsTests {
  private static var metrics: Metrics {
    var metrics = Metrics()
    metrics.counters = [
      "drop-invalid": CounterState(packets: 3, bytes: 180), "allow-x": CounterState(packets: 1, bytes: 60),
    ]
    metrics.named = [
      NamedCounter(
        name: "allow-x", purpose: .grant,
        origin: Origin(file: "p.yaml", lines: [7], reason: "a \"b\" \\ c\nd"))
    ]
    metrics.repairs = 4
    metrics.policy = .refused
    return metrics
  }

  @Test("metrics are in the exposition format: each family once, with help and type before its samples")
  func format() {
    let text = Self.metrics.text
    #expect(text.hasSuffix("\n"))
    var types: [String: String] = [:]
    var helped: Set<String> = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if line.hasPrefix("# HELP ") {
        #expect(helped.insert(String(words[2])).inserted)
      } else if line.hasPrefix("# TYPE ") {
        #expect(types.updateValue(String(words[3]), forKey: String(words[2])) == nil)
      } else {
        let name = String(line.prefix { $0 != "{" && $0 != " " })
        #expect(types[name] != nil && helped.contains(name))
        #expect(UInt64(words.last ?? "") != nil)
      }
    }
    #expect(types.allSatisfy { ($0.value == "counter") == $0.key.hasSuffix("_total") })
    #expect(text.contains("wgfence_drift_repairs_total 4\n"))
    #expect(text.contains("wgfence_policy_accepted 0\n"))
    #expect(text.contains("wgfence_observing 0\n"))
    var observing = Self.metrics
    observing.mode = .observing
    observing.policy = .held
    #expect(observing.text.contains("wgfence_observing 1\n"))
    #expect(observing.text.contains("wgfence_policy_accepted 0\n"))
  }

  @Test("metrics distinguish drops from grants, and escape text from the policy")
  func labels() {
    let text = Self.metrics.text
    #expect(
      text.contains("wgfence_dropped_packets_total{counter=\"drop-invalid\",line=\"\",reason=\"\"} 3\n"))
    #expect(
      text.contains(
        "wgfence_granted_bytes_total{counter=\"allow-x\",line=\"p.yaml:7\",reason=\"a \\\"b\\\" \\\\ c\\nd\"} 60\n"
      ))
  }

  @Test(
    "metrics are served on one path, for reading only",
    arguments: [
      ("GET /metrics HTTP/1.1", "200"), ("HEAD /metrics HTTP/1.1", "200"), ("GET / HTTP/1.1", "404"),
      ("POST /metrics HTTP/1.1", "405"), ("nonsense", "400"), ("GET /metrics HTTP/2", "400"),
    ])
  func serves(_ line: String, _ status: String) throws {
    let bytes = Array("\(line)\r\nHost: x\r\n\r\n".utf8)
    let answer = try #require(MetricsResponder.answer(bytes) { "body\n" })
    let text = String(decoding: answer, as: UTF8.self)
    #expect(text.hasPrefix("HTTP/1.1 \(status) "))
    #expect(text.contains("\r\nConnection: close\r\n"))
    if status == "200" { #expect(text.hasSuffix("body\n") == line.hasPrefix("GET")) }
  }

  @Test("the header section of a request is read to its end, up to 8 KiB")
  func limits() throws {
    #expect(MetricsResponder.answer(Array("GET /metrics HT".utf8)) { "" } == nil)
    let long = [UInt8](repeating: 0x61, count: MetricsResponder.mostBytes + 1)
    let answer = try #require(MetricsResponder.answer(long) { "" })
    #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 431 "))
  }

  @Test("all metrics of the Grafana board are written")
  func board() throws {
    let path =
      #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/docs/grafana-board.json"
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 17)
    let count = fread(&bytes, 1, bytes.count, file)
    let names = String(decoding: bytes[..<count], as: UTF8.self)
      .split { !($0.isLetter || $0.isNumber || $0 == "_") }.filter { $0.hasPrefix("wgfence_") }
    #expect(Set(names).count >= 9)
    let text = Self.metrics.text
    for name in Set(names) { #expect(text.contains("# TYPE \(name) "), "\(name)") }
  }

  @Test("the time of the last success is a sample in seconds, and absent if there was none")
  func lastSuccess() {
    var metrics = Self.metrics
    #expect(!metrics.text.contains("\nwgfence_last_success_timestamp_seconds "))
    metrics.lastSuccess = 1_795_500_000
    #expect(metrics.text.contains("\nwgfence_last_success_timestamp_seconds 1795500000\n"))
  }
}
