/** Accept all that is sure enough. */

import { ask } from "./api.js";
import { counted } from "./format.js";
import { html, useState } from "./html.js";
import { Sure } from "./parts.js";
import { useDo, useSay } from "./says.js";

const USUAL_PERCENT = 95;

/**
 * @param {{ files: any[], isAll: boolean, onAccepted: () => void }} props
 *   `files` are those that are shown; `isAll`: there are no more
 */
export function Batch({ files, isAll, onAccepted }) {
  const [typed, setTyped] = useState(String(USUAL_PERCENT));
  const say = useSay();
  const todo = useDo();
  const share = typed.trim() === "" ? Number.NaN : Number(typed) / 100;
  const isShare = share >= 0 && share <= 1;
  const amount = isShare ? files.filter((file) => isAbove(file, share)).length : 0;
  const run = () =>
    todo(async () => {
      const { accepted } = await ask("/review/accept", { method: "POST", body: { above: share } });
      onAccepted();
      if (accepted.length === 0) return say("Nothing is that sure any more.");
      const look = { label: "Changes", run: () => location.assign("#/changes") };
      return say(`${counted(accepted.length, "file")} accepted: they are tagged one after the other.`, {
        action: look,
      });
    });
  return html`<div class="batch sheet">
    <label>
      Accept all that are identified, and at least
      <span class="share">
        <input
          type="number"
          min="0"
          max="100"
          value=${typed}
          aria-label="At least so many percent sure"
          onInput=${(/** @type {Event} */ event) => setTyped(/** @type {HTMLInputElement} */ (event.target).value)}
        />
        % sure
      </span>
    </label>
    <span>
      <${Sure}
        label=${`Accept ${how(amount, isAll)}`}
        question=${`Write their names into ${how(amount, isAll)}?`}
        disabled=${!isShare || (amount === 0 && isAll)}
        run=${run}
      />
    </span>
  </div>`;
}

/**
 * @param {number} amount
 * @param {boolean} isAll
 */
function how(amount, isAll) {
  if (isAll) return counted(amount, "file");
  return amount > 0 ? `${counted(amount, "file")} and those further below` : "those further below";
}

/**
 * @param {any} file
 * @param {number} share
 */
function isAbove({ proposal }, share) {
  return (
    proposal.outcome === "identified" &&
    !proposal.will_be_written &&
    proposal.candidates[0].confidence >= share
  );
}
