// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import Reports

/// The log of dropped packets: written to the journal, and sent to clients that follow it.
extension Daemon {
  var reporter: DropReporter? {
    policyInForce.map {
      DropReporter($0.policy, machine: $0.machine, today: Today.date, live: $0.candidate.live)
    }
  }

  /// Opens the kernel's log as soon as a policy is in force. Reports use the names of that policy.
  func openDropLog() {
    guard let reporter else { return }
    if drops != nil {
      drops?.use(reporter)
      return
    }
    do throws(PacketLogError) {
      let reader = DropLogReader(try PacketLog(), reporter: reporter)
      try? poller.add(reader.descriptor, .reading, token: Token.drops)
      drops = consume reader
      dropLogRefusal = nil
    } catch {
      let refusal = "dropped packets are counted but not logged: \(error)"
      if refusal != dropLogRefusal { journal.say(.warning, "\(refusal)") }
      dropLogRefusal = refusal
    }
  }

  func readDrops() {
    do throws(NetlinkError) {
      guard let reports = try drops?.read() else { return }
      for report in reports {
        journal.say(.info, DropReportText.journal(report), about: .drops)
        follow(report)
      }
    } catch {
      journal.say(.warning, "\(error)")
    }
  }
}
