/** A button for what takes a while. */

import { html, useState } from "./html.js";

/**
 * @param {{ label: string, run: () => unknown, kind?: string, isBusy?: boolean, about?: string }} props
 *   `about` says to screen readers what of several it is for
 */
export function Act({ label, run, kind, isBusy = false, about }) {
  const [isRunning, setRunning] = useState(false);
  const isOff = isBusy || isRunning;
  const act = async () => {
    if (isOff) return;
    setRunning(true);
    try {
      await run();
    } finally {
      setRunning(false);
    }
  };
  // Not disabled: that would lose the focus.
  return html`<button type="button" class=${kind} aria-disabled=${isOff} onClick=${act}>
    ${label}${about && html`<span class="unseen"> ${about}</span>`}
  </button>`;
}
