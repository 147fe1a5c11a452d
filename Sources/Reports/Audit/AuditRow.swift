// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis

/// A socket, or a published port, in the report for people. Two sockets of one program that differ only in the family are
/// one row if the same is said of both.
struct AuditRow {
  private(set) var place: String
  let service: String
  let who: String
  /// Empty if only this host reaches it.
  let lines: [AuditLine]

  /// What two sockets must have in common.
  private struct Key: Hashable {
    let place: String
    let who: String
    let lines: [AuditLine]
  }

  /// The rows of exposures, in their order; `summary` shortens a list of sides.
  static func rows(of exposures: [Exposure], _ summary: ([String]) -> String) -> [AuditRow] {
    var rows: [AuditRow] = []
    var firsts: [Key: Int] = [:]
    for exposure in exposures {
      let row = AuditRow(
        place: AuditReport.place(exposure), service: exposure.service ?? "", who: AuditReport.who(exposure),
        lines: AuditLine.lines(of: exposure, summary))
      if let address = exposure.addressOfBothFamilies, exposure.published == nil {
        let key = Key(place: exposure.socket(at: address), who: row.who, lines: row.lines)
        // The socket of the other family.
        if let first = firsts.removeValue(forKey: key), rows[first].place != row.place {
          rows[first].place = key.place
          continue
        }
        firsts[key] = rows.count
      }
      rows.append(row)
    }
    return rows
  }
}
