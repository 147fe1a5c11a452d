// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel

/// `ssh-keygen`, which signs: this program never has a private key. It asks for a passphrase, a PIN or a touch itself, on the
/// user's terminal.
package enum Keygen {
  /// Signs bytes with a key: a private key's file, or the `.pub` file of a key that an agent holds. The result is an armoured
  /// signature.
  package static func sign(_ bytes: [UInt8], with key: String, for namespace: String) throws(Refusal)
    -> [UInt8]
  {
    guard let program else { throw Refusal("ssh-keygen is not installed: apt-get install openssh-client") }
    var template = Array("\(temporary)/wgfence-sign-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Refusal("\(SystemError("making a folder for ssh-keygen in \(temporary)", code: errno))")
    }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = "\(folder)/text"
    defer {
      for path in ["\(text).sig", text] { unlink(path) }
      rmdir(folder)
    }
    let (status, signature): (Int32, [UInt8]?)
    do throws(SystemError) {
      try DurableFile.replace(text, bytes)
      status = try ForegroundProcess.run(program, ["-q", "-Y", "sign", "-f", key, "-n", namespace, text])
      signature = status == 0 ? try DurableFile.read("\(text).sig", limit: 64 << 10) : nil
    } catch {
      throw Refusal("\(error)")
    }
    guard let signature else {
      throw Refusal("ssh-keygen did not sign with \(key): its exit status is \(status)")
    }
    return signature
  }

  private static var temporary: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

  private static let program = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")
    .split(separator: ":").map { String($0) + "/ssh-keygen" }.first {
      $0.hasPrefix("/") && access($0, X_OK) == 0
    }
}
