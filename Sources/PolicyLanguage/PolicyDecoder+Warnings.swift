// SPDX-License-Identifier: GPL-3.0-or-later

/// What is likely not meant, in a policy without errors.
extension PolicyDecoder {
  mutating func warn(about policy: Policy) {
  }
}
