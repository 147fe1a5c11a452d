// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc

/// The result of a program.
public struct ProgramResult: Sendable {
  /// The exit status; 128 plus the signal's number if a signal ended it.
  public let status: Int32
  /// Its standard output.
  public let output: String
  /// Its standard error.
  public let errors: String
}

/// A program that could not be started or given its input.
public struct RunFailure: Error, CustomStringConvertible {
  /// The failed step, and the system's error message.
  public let description: String
}

/// Runs a program in the calling thread's namespaces, with some input, until it ends.
public func run(_ arguments: [String], input: String = "") throws -> ProgramResult {
  let files = try [temporaryFile(), temporaryFile(), temporaryFile()]
  defer { for file in files { close(file) } }
  try Array(input.utf8).withUnsafeBytes { bytes in
    var written = 0
    while written < bytes.count {
      let count = write(files[0], bytes.baseAddress?.advanced(by: written), bytes.count - written)
      guard count > 0 else {
        throw RunFailure(description: "writing input: \(String(cString: strerror(errno)))")
      }
      written += count
    }
  }
  lseek(files[0], 0, SEEK_SET)

  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for (number, file) in files.enumerated() { posix_spawn_file_actions_adddup2(&actions, file, Int32(number)) }
  var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  words.append(nil)
  defer { for word in words { free(word) } }
  var process = pid_t()
  let code = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
  guard code == 0 else {
    throw RunFailure(description: "starting \(arguments[0]): \(String(cString: strerror(code)))")
  }
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  let signal = status & 0x7f
  return ProgramResult(
    status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: try contents(files[1]),
    errors: try contents(files[2]))
}

/// Whether a program is in a folder of `PATH`, where `run` finds it.
public func isInstalled(_ program: String) -> Bool {
  let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
  return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
}

/// Loads a ruleset with `nft -f`; throws nft's error message if that fails.
public func nft(load ruleset: String) throws {
  let result = try run(["nft", "-f", "-"], input: ruleset)
  guard result.status == 0 else { throw RunFailure(description: "nft: \(result.errors)") }
}

/// Returns what `nft` prints for a command; throws its error message if it fails.
public func nft(_ arguments: String...) throws -> String {
  let result = try run(["nft"] + arguments)
  guard result.status == 0 else { throw RunFailure(description: "nft \(arguments): \(result.errors)") }
  return result.output
}

private func temporaryFile() throws -> Int32 {
  let file = ctest_open_memory_file()
  guard file >= 0 else { throw RunFailure(description: "memfd: \(String(cString: strerror(errno)))") }
  return file
}

private func contents(_ file: Int32) throws -> String {
  lseek(file, 0, SEEK_SET)
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(file, &chunk, chunk.count)
    guard count >= 0 else {
      throw RunFailure(description: "reading output: \(String(cString: strerror(errno)))")
    }
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += chunk[..<count]
  }
}
