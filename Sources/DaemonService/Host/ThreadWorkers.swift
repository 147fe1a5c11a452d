// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import PolicyAnalysis

/// Distributes work over as many threads as there are processors, at most eight. A single item starts no thread.
package struct ThreadWorkers: Workers {
  /// Starts no thread yet.
  package init() {}

  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], progress: (Int) -> Void, _ work: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    let count = min(items.count, 8, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    if count < 2 { return OneByOne().map(items, progress: progress, work) }
    let job = Job(items, work)
    var threads: [pthread_t] = []
    for _ in 1..<count {
      var thread = pthread_t()
      let box = Unmanaged.passRetained(job as AnyJob)
      let code = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<AnyJob>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, box.toOpaque())
      if code == 0 { threads.append(thread) } else { box.release() }
    }
    // This thread works too: if no other could be started, it does everything.
    while let done = job.runOne() { progress(done) }
    for thread in threads { pthread_join(thread, nil) }
    return job.finished()
  }
}

/// Work that threads share: each takes the next item.
private class AnyJob: @unchecked Sendable {
  package func run() {}
}

/// The mutex guards everything that is written.
private final class Job<Item: Sendable, Result: Sendable>: AnyJob, @unchecked Sendable {
  private let items: [Item]
  private let work: @Sendable (Item) -> Result
  private var next = 0
  private var done = 0
  private var results: [Result?]
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init(_ items: [Item], _ work: @escaping @Sendable (Item) -> Result) {
    self.items = items
    self.work = work
    results = Array(repeating: nil, count: items.count)
    super.init()
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  private func locked<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  override func run() { while runOne() != nil {} }

  /// Processes the next item. Returns the number of items that are done; nil if none is left.
  func runOne() -> Int? {
    let place = locked { () -> Int in
      defer { next += 1 }
      return next
    }
    guard place < items.count else { return nil }
    let result = work(items[place])
    return locked {
      results[place] = result
      done += 1
      return done
    }
  }

  /// The results, when every thread has ended.
  func finished() -> [Result] { results.compactMap { $0 } }
}
