// SPDX-License-Identifier: GPL-3.0-or-later

internal import DropAnalysis
internal import Enforcement
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyFiles
internal import Reports

/// The log of dropped packets: written to the journal and to the state directory, and sent to clients that follow it.
extension Daemon {
  /// What the daemon keeps of dropped packets.
  struct DropBooks {
    var aggregator = DropAggregator()
    var journal = JournalBudget()
    var retention = DropRetention()
    let stored: StoredDrops
    /// Why nothing could be stored, as last written to the journal.
    var refusal: String?

    /// When there is work to do next, in nanoseconds since boot.
    var deadline: Int64? {
      [aggregator.deadline, journal.deadline, retention.deadline, stored.deadline].compactMap { $0 }.min()
    }
  }

  private var reporter: DropReporter? {
    policyInForce.map {
      DropReporter(
        $0.policy, machine: $0.machine, today: Today.date, live: $0.candidate.live,
        host: .read(for: $0.policy, on: $0.machine, live: $0.candidate.live))
    }
  }

  /// Opens the kernel's log as soon as a policy is in force. Reports use the names of that policy.
  func openDropLog() {
    guard let reporter else { return }
    if drops != nil {
      drops?.reporter = reporter
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

  /// The host's addresses decide which packets are for the host itself.
  func refreshDropHost() {
    guard drops != nil, let (policy, machine, candidate) = policyInForce else { return }
    drops?.reporter.host = .read(for: policy, on: machine, live: candidate.live)
  }

  func readDrops() {
    do throws(NetlinkError) {
      guard let records = try drops?.read() else { return }
      let now = Clock.sinceBoot
      for record in records {
        if isFollowed, let report = drops?.reporter.report(record) { follow(report) }
        if let first = books.aggregator.add(record, at: now) { keep([first], now) }
      }
    } catch {
      journal.say(.warning, "\(error)")
    }
  }

  /// Writes what is due: the records of a minute, and what waits to be stored.
  func tickDrops() {
    let now = Clock.sinceBoot
    keep(books.aggregator.take(at: now), now)
    for record in books.retention.take(at: now) { books.stored.add(record, at: now) }
    if let left = books.journal.take(at: now) {
      journal.say(.info, DropReportText.leftOut(left), about: .drops)
    }
    if books.stored.deadline.map({ $0 <= now }) == true { storeDrops(now) }
  }

  /// Writes everything that was counted: the daemon ends.
  func finishDrops() {
    let now = Clock.sinceBoot
    keep(books.aggregator.finish(now), now)
    for record in books.retention.finish() { books.stored.add(record, at: now) }
    storeDrops(now)
  }

  private func keep(_ records: [DropRecord], _ now: Int64) {
    for record in records {
      if let retained = books.retention.add(record, at: now) { books.stored.add(retained, at: now) }
      // A line costs a look for what would let the packets in: only for those that are written.
      guard books.journal.allows(record.count, at: now), let report = drops?.reporter.report(record) else {
        continue
      }
      journal.say(.info, DropReportText.journal(report), about: .drops)
    }
  }

  /// A full disk is no failure: the packets are counted by the kernel, and the journal has them.
  private func storeDrops(_ now: Int64) {
    do throws(SystemError) {
      try books.stored.write(at: now)
      books.refusal = nil
    } catch {
      if books.refusal != "\(error)" {
        journal.say(.warning, "the log of dropped packets could not be stored, and is tried again: \(error)")
      }
      books.refusal = "\(error)"
    }
  }
}
