// SPDX-License-Identifier: GPL-3.0-or-later

extension Policy {
  /// The policy with one more line in `allow`, and without tests.
  package func granting(_ grant: Grant) -> Policy {
    Policy(
      path: path, tunnels: tunnels, machines: machines, groups: groups, services: services, lists: lists,
      block: block, grants: grants + [grant], encryptions: encryptions, translations: translations,
      failsafe: failsafe, tests: [],
      observed: observed, confinements: confinements, refused: refused)
  }
}
