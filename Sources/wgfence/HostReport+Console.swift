// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import HostReports
import NetworkModel

extension Console {
  /// Prints a report about this host. Ends the verb with the report's status.
  static func report(_ subject: HostReportRequest.Subject, machine: MachineOptions, by client: ReportClient)
    throws
  {
    let status = try client.answer(subject, machine: machine.given) { output in
      switch output {
      case .report(.people(let text)): print(text)
      case .report(.programs(document: let text)): print(document: text)
      case .report(.nothing): break
      case .remark(.note(let text)): note(text)
      case .remark(.warning(let text)): warn(text)
      case .remark(.error(let text)): error(text)
      case .words(let words): say(words)
      }
    }
    if status != 0 { throw ExitCode(status) }
  }
}
