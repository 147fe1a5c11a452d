// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// The match `time`. Source: `struct xt_time_info` of `linux/netfilter/xt_time.h`.
struct XtablesTime: Sendable, Hashable {
  /// First and last moment, in seconds since 1970-01-01 UTC.
  let dates: ClosedRange<UInt32>
  /// The first and the last second of the day; a first one after the last is a time over midnight.
  let first: UInt32
  let last: UInt32
  /// A bit for each day of the week, bit 1 for Monday, bit 7 for Sunday.
  let weekdays: UInt8
  /// `XT_TIME_CONTIGUOUS`: after midnight, days are those on which the time began.
  let isContiguous: Bool

  /// Nil if it is in the kernel's own time zone (`XT_TIME_LOCAL_TZ`), or about some days of the month (unlike
  /// `XT_TIME_ALL_MONTHDAYS`).
  init?(_ info: [UInt8]) {
    guard let from = info.hostUInt32(0), let to = info.hostUInt32(4), let first = info.hostUInt32(8),
      let last = info.hostUInt32(12), let monthdays = info.hostUInt32(16), let weekdays = info.byte(20),
      let flags = info.byte(21), flags & 1 == 0, from <= to, monthdays == 0xffff_fffe
    else { return nil }
    dates = from...to
    (self.first, self.last) = (first, last)
    self.weekdays = weekdays
    isContiguous = flags & 2 != 0
  }

  /// Whether a moment matches, in seconds since 1970-01-01 UTC; nil for one that the kernel's numbers do not reach. Source:
  /// `time_mt` of `net/netfilter/xt_time.c`.
  func contains(_ seconds: Int64) -> Bool? {
    guard let stamp = UInt32(exactly: seconds) else { return nil }
    guard dates.contains(stamp) else { return false }
    var moment = Moment(Int64(stamp))
    let second = moment.secondOfDay
    if first < last {
      guard second >= first, second <= last else { return false }
    } else {
      guard second >= first || second <= last else { return false }
      if isContiguous, second <= last { moment = Moment(Int64(stamp) - 86_400) }
    }
    return weekdays & 1 << (moment.weekday == 0 ? 7 : moment.weekday) != 0
  }
}

/// A moment in UTC as rules see it. Source: `nft_meta_weekday`, `nft_meta_hour` of `net/netfilter/nft_meta.c`.
struct Moment: Sendable {
  /// Seconds since 1970-01-01 UTC; the time of a packet is not before.
  let seconds: Int64

  init(_ seconds: Int64) { self.seconds = max(0, seconds) }

  /// Nanoseconds since 1970-01-01 UTC.
  var nanoseconds: UInt64 { UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue }
  /// The day of the week; Sunday is 0. 1970-01-01 was a Thursday.
  var weekday: UInt8 { UInt8((seconds / 86_400 + 4) % 7) }
  /// Seconds since midnight.
  var secondOfDay: UInt32 { UInt32(seconds % 86_400) }
}
