// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc

/// The memory of this process.
public enum Memory {
  /// Returns unused memory to the system: freed heap, and the pages of the program file, which are loaded
  /// again when they are needed. For a process that starts to sleep. Source: malloc_trim(3), `MADV_DONTNEED`
  /// of madvise(2).
  public static func release() {
    malloc_trim(0)
    for segment in unwrittenSegments() {
      madvise(UnsafeMutableRawPointer(bitPattern: segment.lowerBound), segment.count, MADV_DONTNEED)
    }
  }

  /// Makes all threads use one heap, so that a thread that works only occasionally does not keep a heap of
  /// its own. Call it before the first thread is created. Source: mallopt(3).
  public static func share() { mallopt(Int32(CSYS_M_ARENA_MAX), 1) }

  /// The whole pages of the program file that were never written; what the loader relocated is in writable
  /// segments. Shared libraries are not included, since other processes use them too. Source: `AT_PHDR` of
  /// getauxval(3), elf(5).
  static func unwrittenSegments() -> [Range<UInt>] {
    let start = getauxval(UInt(AT_PHDR))
    guard let first = UnsafePointer<Elf64_Phdr>(bitPattern: start) else { return [] }
    let headers = UnsafeBufferPointer(start: first, count: Int(getauxval(UInt(AT_PHNUM))))
    // The headers contain their own address before relocation: the difference to their actual address is the
    // load address of the program.
    guard let own = headers.first(where: { $0.p_type == UInt32(PT_PHDR) }) else { return [] }
    let base = start &- UInt(own.p_vaddr)
    let page = ~(UInt(sysconf(Int32(_SC_PAGESIZE))) - 1)
    return headers.compactMap { header in
      guard header.p_type == UInt32(PT_LOAD), header.p_flags & UInt32(PF_W) == 0 else { return nil }
      let place = base &+ UInt(header.p_vaddr)
      let (lower, upper) = (place & page, (place &+ UInt(header.p_filesz)) & page)
      return upper > lower ? lower..<upper : nil
    }
  }
}
