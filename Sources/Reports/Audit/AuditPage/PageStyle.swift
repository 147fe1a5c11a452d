// SPDX-License-Identifier: GPL-3.0-or-later

/// The page's only style. Colours are variables, each with one meaning; the dark scheme changes only these.
package enum PageStyle {
  /// Its SHA-256 as a Content Security Policy names it (CSP Level 3 section 2.3.1).
  package static let hash = "sha256-d7m0u6IpOLtg8fwwX7xLy4axLuulGnITIcnJOISRtT8="

  package static let text: StaticString = """

    :root {
      color-scheme: light;
      --paper: #ffffff; --panel: #f5f6f4; --rule: #c6cbd0;
      --ink: #1b2024; --dim: #59626b;
      --tunnel: #14599c; --clear: #3c454d; --exposed: #b3211b; --undetermined: #7d4e00;
      --sans: system-ui, -apple-system, "Segoe UI", "Liberation Sans", "Noto Sans", sans-serif;
      --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
    }
    @media screen and (prefers-color-scheme: dark) {
      :root {
        color-scheme: dark;
        --paper: #14181b; --panel: #1d2226; --rule: #434b53;
        --ink: #e3e7ea; --dim: #9ba5ae;
        --tunnel: #82b8ee; --clear: #c0c8cf; --exposed: #ff8d84; --undetermined: #e2b35c;
      }
    }
    * { box-sizing: border-box; }
    html { background: var(--paper); color: var(--ink); font: 15px/1.5 var(--sans); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body { max-width: 1168px; margin: 0 auto; padding: 32px 24px 48px; overflow-wrap: anywhere; }
    h1 { font-size: 26px; line-height: 1.2; font-weight: 600; margin: 0 0 16px; }
    h2 { font-size: 17px; line-height: 1.3; font-weight: 600; margin: 40px 0 12px; padding-top: 12px; border-top: 1px solid var(--ink); }
    p, dl, ol, ul { margin: 0; padding: 0; }
    dd { margin: 0; }
    code, .check, .socket, .because { font-family: var(--mono); font-size: 13px; }
    [hidden] { display: none !important; }
    :focus-visible { outline: 2px solid var(--tunnel); outline-offset: 2px; }
    main:focus { outline: none; }
    .skip { position: absolute; left: 24px; top: -64px; padding: 8px 12px; background: var(--paper); color: var(--tunnel); border: 1px solid var(--tunnel); }
    .skip:focus { top: 8px; }
    .dim { color: var(--dim); }
    .error { color: var(--exposed); }
    .warning { color: var(--undetermined); }

    .facts { display: grid; gap: 2px 0; }
    .facts div { display: grid; grid-template-columns: 88px minmax(0, 1fr); }
    .facts dt, .figures dt { color: var(--dim); }
    .figures { display: flex; flex-wrap: wrap; gap: 8px 0; margin-top: 20px; }
    .figures div { display: flex; flex-direction: column-reverse; min-width: 104px; padding: 0 20px 0 12px; border-left: 1px solid var(--rule); }
    .figures dt { font-size: 13px; }
    .figures dd { font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums lining-nums; }

    .findings { list-style: none; }
    .findings li { color: var(--ink); padding: 8px 0 8px 12px; border-left: 3px solid var(--dim); margin-bottom: 8px; }
    .findings .error { border-color: var(--exposed); }
    .findings .warning { border-color: var(--undetermined); border-left-style: double; }
    .findings .information { border-left-width: 1px; padding-left: 14px; }
    .findings .error .severity { color: var(--exposed); }
    .findings .warning .severity { color: var(--undetermined); }
    .findings .information .severity { color: var(--dim); }
    .check { color: var(--dim); }
    .fix b { font-weight: 600; }
    .lines { padding-left: 18px; }

    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 28px; margin-bottom: 16px; font-size: 13px; }
    .legend svg { vertical-align: -1px; margin-right: 4px; }
    .map { display: block; max-width: 100%; height: auto; font-family: var(--mono); font-size: 13px; }
    #map-narrow { display: none; font-size: 11px; }
    .map text { fill: var(--ink); }
    .map .heading { fill: var(--dim); font-family: var(--sans); }
    .map .title { font-weight: 600; }
    .map text.dim { fill: var(--dim); }
    .map text.exposed { fill: var(--exposed); font-weight: 600; }
    .map text.undetermined { fill: var(--undetermined); font-weight: 600; }
    .box rect { fill: var(--panel); stroke: var(--rule); }
    .box.exposed rect { stroke: var(--exposed); stroke-width: 2; }
    .box.undetermined rect { stroke: var(--undetermined); stroke-dasharray: 2 3; }
    .box.silent text { fill: var(--dim); }
    .flow path { fill: none; stroke-width: 1.5; }
    .flow.tunnel { color: var(--tunnel); }
    .flow.clear { color: var(--clear); }
    .flow.exposed { color: var(--exposed); }
    .flow.undetermined { color: var(--undetermined); }
    .flow path { stroke: currentColor; }
    .flow.tunnel path { stroke-width: 4; }
    .flow.tunnel path.core { stroke: var(--paper); stroke-width: 1.6; pointer-events: none; }
    .flow.exposed path { stroke-width: 3; stroke-dasharray: 9 4; }
    .flow.undetermined path { stroke-width: 2; stroke-dasharray: 1 4; stroke-linecap: round; }
    .flow path.arrow { fill: currentColor; stroke: none; }
    #map-narrow .flow.tunnel path { stroke-width: 3; }
    #map-narrow .flow.tunnel path.core { stroke-width: 1; }
    .flow:hover path { stroke-width: 3; }
    .flow.tunnel:hover path, .flow.exposed:hover path { stroke-width: 5; }
    .flow:hover .line:hover path { stroke: var(--ink); }
    details { margin-top: 16px; }
    summary { cursor: pointer; width: fit-content; }
    .unreached { padding: 6px 0 0 18px; columns: 2; column-gap: 32px; font-size: 13px; }
    .unreached li { break-inside: avoid; }

    .search { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; margin-bottom: 12px; }
    .search input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--dim); border-radius: 0; padding: 3px 8px; max-width: 100%; }
    #told { color: var(--dim); font-variant-numeric: tabular-nums; }
    .region { overflow: auto; max-height: 85vh; border: 1px solid var(--rule); }
    table { border-collapse: separate; border-spacing: 0; width: 100%; min-width: 960px; font-size: 13px; font-variant-numeric: tabular-nums; }
    caption { text-align: left; color: var(--dim); padding: 8px 10px; }
    th, td { text-align: left; vertical-align: top; padding: 4px 10px; font-weight: 400; overflow-wrap: break-word; }
    thead th { position: sticky; top: 0; z-index: 1; background: var(--panel); border-bottom: 1px solid var(--ink); font-weight: 600; }
    tbody tr:first-child > * { border-top: 1px solid var(--rule); }
    thead + tbody tr:first-child > * { border-top: 0; }
    .socket { white-space: nowrap; }
    .who span, .socket span { display: block; }
    .from span { display: inline-block; }
    .who { min-width: 208px; }
    .from { min-width: 132px; }
    .because { min-width: 232px; }
    .verdict { white-space: nowrap; }
    .because { font-size: 12px; }
    footer { margin-top: 48px; padding-top: 12px; border-top: 1px solid var(--rule); color: var(--dim); font-size: 13px; }

    @media screen and (max-width: 720px) {
      body { padding: 20px 16px 32px; }
      h1 { font-size: 22px; }
      h2 { margin-top: 32px; }
      #map { display: none; }
      #map-narrow { display: block; }
      .figures div { min-width: 33.33%; padding: 0 8px; }
      .unreached { columns: 1; }
    }
    @media print {
      @page { margin: 14mm; }
      html { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      body { max-width: none; padding: 0; }
      .skip, .search { display: none !important; }
      #map { display: block; width: 100%; }
      #map-narrow { display: none; }
      h2 { break-after: avoid; }
      .findings li, tr { break-inside: avoid; }
      .region { overflow: visible; max-height: none; border: 0; }
      table { min-width: 0; font-size: 7.5pt; }
      th, td { padding: 2px 5px; }
      .socket, .who, .because { overflow-wrap: anywhere; }
      thead th { position: static; }
      .socket { white-space: normal; min-width: 118px; }
      .who { min-width: 104px; }
      .from { min-width: 80px; }
      .because { min-width: 136px; }
      .socket, .because, code { font-size: 7pt; }
      footer { margin-top: 24px; }
    }

    """
}
