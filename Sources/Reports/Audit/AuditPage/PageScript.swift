// SPDX-License-Identifier: GPL-3.0-or-later

/// The page's only script: it shows the search field, and hides the sockets whose rows do not contain every word in
/// it.
package enum PageScript {
  /// Its SHA-256 as a Content Security Policy names it (CSP Level 3 section 2.3.1).
  package static let hash = "sha256-nFssuGiwgZ4Lj1Bpaks3b2T4VULclVxkqzWPrjEAp2w="

  package static let text: StaticString = #"""

    "use strict";
    {
      const field = document.getElementById("filter");
      const told = document.getElementById("told");
      const sockets = Array.from(document.querySelectorAll("#everything tbody"));
      const texts = sockets.map((socket) => socket.textContent.toLowerCase());
      const show = () => {
        const words = field.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
        let shown = 0;
        sockets.forEach((socket, index) => {
          socket.hidden = !words.every((word) => texts[index].includes(word));
          if (!socket.hidden) shown += 1;
        });
        told.textContent = words.length === 0 ? "" : `${shown} of ${sockets.length} sockets`;
      };
      field.addEventListener("input", show);
      document.getElementById("search").hidden = false;
      show();
    }

    """#
}
