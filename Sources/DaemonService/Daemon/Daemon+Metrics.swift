// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Netlink
internal import LinuxHost
internal import NetworkModel

/// The source of a connection to the metrics socket.
enum ScrapeSource: Hashable {
  /// An IPv4 address, or the /64 of an IPv6 address, because one host can use a whole /64.
  case network(Prefix)
  /// A user of this host, on a Unix socket; nil if the kernel does not report the user.
  case user(UInt32?)

  init(_ connection: borrowing Connection) {
    if let address = connection.peerAddress?.unmapped {
      self = .network(Prefix(containing: address, length: address.family == .ipv4 ? 32 : 64))
    } else {
      self = .user((try? connection.peer())?.user)
    }
  }
}

/// A connection that requests metrics.
final class MetricsScrape {
  /// The most connections at once. For another one, the oldest of the source that has the most is closed.
  static let limit = 16
  /// The most connections at once from one source.
  static let sourceLimit = 4
  /// How long a connection may last, in nanoseconds.
  static let patience: Int64 = 5_000_000_000

  let connection: Connection
  var inbox: [UInt8] = []
  var outbox: ArraySlice<UInt8> = []
  /// When it is closed, in nanoseconds since boot.
  let deadline: Int64

  init(_ connection: consuming Connection, deadline: Int64) {
    self.connection = connection
    self.deadline = deadline
  }
}

/// Metrics: served on a socket, and written to a file.
extension Daemon {
  /// Serves metrics if the policy in force permits it.
  func openMetrics() {
    guard metricsListener == nil, let place = settings.metrics else { return }
    if let refusal = refusal(of: place) { return refuseMetrics(refusal) }
    do throws(SystemError) {
      let listener = try place.listen()
      try poller.add(listener.descriptor, .reading, token: Token.metrics)
      metricsListener = consume listener
      metricsRefusal = nil
    } catch {
      refuseMetrics("metrics: \(error)")
    }
  }

  /// Why metrics are not served at a place. The answer is computed once per policy, not per connection.
  private func refusal(of place: MetricsPlace) -> String? {
    guard let candidate = policyInForce?.candidate else { return place.refusal(by: nil) }
    if let known = metricsJudgement, known.holds(for: candidate) { return known.refusal }
    let refusal = place.refusal(by: candidate)
    metricsJudgement = MetricsPlace.Judgement(
      digest: candidate.digest, machine: candidate.machine, today: candidate.today, live: candidate.live,
      refusal: refusal)
    return refusal
  }

  /// Logs once why metrics are not served. They are served as soon as a policy permits it.
  private func refuseMetrics(_ refusal: String) {
    if refusal != metricsRefusal { journal.say(.error, "\(refusal)") }
    metricsRefusal = refusal
  }

  func acceptScrapes() {
    do throws(SystemError) {
      while let connection = try metricsListener?.accept() {
        guard let place = settings.metrics, refusal(of: place) == nil else { continue }
        let token = takeToken()
        if let ended = scrapePlaces.admit(token, of: ScrapeSource(connection)), let scrape = scrapes[ended] {
          end(scrape, ended)
        }
        do throws(SystemError) {
          try poller.add(connection.descriptor, .reading, token: token)
        } catch {
          scrapePlaces.leave(token)
          throw error
        }
        scrapes[token] = MetricsScrape(connection, deadline: Clock.sinceBoot + MetricsScrape.patience)
      }
    } catch {
      acceptFailed(error)
    }
  }

  func serve(_ scrape: MetricsScrape, _ token: UInt64) {
    if scrape.outbox.isEmpty {
      switch scrape.connection.receive(atMost: MetricsResponder.mostBytes + 1) {
      case .end: return end(scrape, token)
      case .nothing: return
      case .bytes(let bytes, file: _): scrape.inbox += bytes
      }
      guard let answer = MetricsResponder.answer(scrape.inbox, metrics: { metrics().text }) else { return }
      scrape.outbox = answer[...]
    }
    guard let sent = scrape.connection.send(scrape.outbox) else { return end(scrape, token) }
    scrape.outbox = scrape.outbox.dropFirst(sent)
    if scrape.outbox.isEmpty { return end(scrape, token) }
    try? poller.change(scrape.connection.descriptor, .writing, token: token)
  }

  func end(_ scrape: MetricsScrape, _ token: UInt64) {
    poller.remove(scrape.connection.descriptor)
    scrapes[token] = nil
    scrapePlaces.leave(token)
    acceptAgain()
  }

  /// Writes `--metrics-file`.
  func writeMetricsFile() {
    schedule.metrics = Clock.sinceBoot + 15_000_000_000
    guard let path = settings.metricsFile else { return }
    do throws(SystemError) {
      try DurableFile.replace(path, Array(metrics().text.utf8), for: .everyone)
    } catch {
      journal.say(.warning, "\(error)")
    }
  }
}
