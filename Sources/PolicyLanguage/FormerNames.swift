// SPDX-License-Identifier: GPL-3.0-or-later

/// A former name.
public typealias LiveEndpoints = LiveFacts
