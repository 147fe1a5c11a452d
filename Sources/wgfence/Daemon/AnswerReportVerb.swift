// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import HostReports
import LinuxHost
import NetworkModel

/// `wgfence answer-report`: the process of the report service for one client.
struct AnswerReportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "answer-report",
    abstract: "Make a report for the client whose connection is standard input.",
    shouldDisplay: false)

  func run() {
    ReportService(Connection(descriptor: STDIN_FILENO), log: { Console.note("\($0)\n") }).run()
  }
}
