// SPDX-License-Identifier: GPL-3.0-or-later

internal import Foundation

/// The example policies that come with the program.
public enum ShippedPolicies {
  /// Their names, without `.yaml`, sorted.
  public static let names: [String] = {
    let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/policies")) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
  }()
}
