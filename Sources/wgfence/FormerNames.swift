// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage

extension LiveFacts {
  /// A former name.
  static func heard(by policy: Policy, on machine: String? = nil) -> LiveFacts {
    readPrintingGaps(for: policy, on: machine)
  }
}
