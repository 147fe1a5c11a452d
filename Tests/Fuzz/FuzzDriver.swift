// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc

/// Runs a target with inputs until it crashes: libFuzzer's driver, which LLVM exports for programs that have a
/// `main`. Source: `LLVMFuzzerRunDriver` of compiler-rt `lib/fuzzer/FuzzerDriver.cpp`.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The target of this process. Written once, before the first input.
nonisolated(unsafe) private var target: FuzzTarget?

/// The program: `wgfence-fuzz TARGET [libFuzzer's arguments]`, `wgfence-fuzz targets`, or `wgfence-fuzz seeds
/// FOLDER`. SwiftPM renames an executable's `main` to NAME_main when it links.
@_cdecl("wgfence_fuzz_main")
func fuzzMain(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  var words = (0..<Int(count)).compactMap { arguments[$0].map { String(cString: $0) } }
  guard words.count >= 2 else { return usage() }
  switch words[1] {
  case "targets":
    for target in FuzzTarget.allCases { print(target.rawValue) }
    return 0
  case "seeds":
    guard words.count == 3 else { return usage() }
    return Seeds.write(below: words[2])
  default: break
  }
  target = FuzzTarget(rawValue: words[1])
  guard target != nil else { return usage() }
  words.remove(at: 1)
  var copies = words.map { strdup($0) } + [nil]
  var number = Int32(words.count)
  return copies.withUnsafeMutableBufferPointer { buffer in
    var start = buffer.baseAddress
    return withUnsafeMutablePointer(to: &start) { runFuzzer(&number, $0, runOne) }
  }
}

private func usage() -> Int32 {
  print("usage: wgfence-fuzz targets | seeds FOLDER | TARGET [arguments of libFuzzer]")
  return 64
}

/// One input. Its bytes are libFuzzer's.
private let runOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32 = { bytes, count in
  target?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}

/// The symbol by which the linker finds that this is a fuzzing program; the driver is given `runOne`.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 { runOne(bytes, count) }
