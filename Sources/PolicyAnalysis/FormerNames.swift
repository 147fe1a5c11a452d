// SPDX-License-Identifier: GPL-3.0-or-later

extension Explanation {
  /// A former name.
  public typealias Way = Path
  /// A former name.
  public var ways: [Path] { paths }

  /// A former name.
  public init(ways: [Path]) { self.init(paths: ways) }
}
