// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import TemporaryGrants

/// The arguments of `open` and `close`, and the request that they make.
package struct TemporaryGrantArguments {
  let service: String?
  let from: String?
  let to: String?
  let duration: String?
  let because: String?

  /// What is done.
  package enum Act {
    case begin
    case end
    case list(FirewallRequest.ReportForm)
  }

  /// Arguments; nil for those that are not given.
  package init(
    service: String?, from: String?, to: String? = nil, duration: String? = nil, because: String? = nil
  ) {
    self.service = service
    self.from = from
    self.to = to
    self.duration = duration
    self.because = because
  }

  /// The request; refused if an argument is missing, or one is too many.
  package func request(_ act: Act) throws(Refusal) -> FirewallRequest {
    if case .list(let form) = act {
      guard service == nil, from == nil else { throw Refusal("--list takes no service and no source") }
      return .temporaryGrants(form)
    }
    guard let service else { throw Refusal("the service is missing: write, for example, 8080/tcp") }
    if case .end = act, from == nil, let number = Int(service) { return .closeNumber(number) }
    guard let from else { throw Refusal("the source is missing: use --from") }
    if case .end = act { return .close(service: service, from: from) }
    guard let duration else { throw Refusal("the duration is missing: use, for example, --for 30m") }
    guard let because, !because.isEmpty else { throw Refusal("the reason is missing: --because \"…\"") }
    do throws(TemporaryGrantError) {
      return .open(
        try TemporaryGrantOrder(service: service, from: from, to: to, lasting: duration, because: because))
    } catch {
      throw Refusal("\(error)")
    }
  }
}

extension TrialTime {
  /// Reads the value of `--confirm`. What is wrong with it is a clause that follows the option.
  package init(words: String) throws(Refusal) {
    let duration: GrantDuration
    do throws(TemporaryGrantError) { duration = try GrantDuration(words) } catch {
      throw Refusal(": \(error)")
    }
    guard let time = TrialTime(seconds: Int64(duration.milliseconds / 1000)) else {
      throw Refusal(" takes 5s to 24h")
    }
    self = time
  }
}
