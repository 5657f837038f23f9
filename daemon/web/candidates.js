/** What a file may be: each candidate, why, and to be heard beside the file. */

import { Act } from "./act.js";
import { Origins } from "./change_row.js";
import { evidenceOf, nameOf } from "./file_words.js";
import { percent, sentence } from "./format.js";
import { html } from "./html.js";
import { Cover, Player } from "./parts.js";

/**
 * @param {{ file: any, isBusy: boolean, accept: (candidate: any) => unknown }} props
 *   `file` as GET /files answers it, with a proposal
 */
export function Candidates({ file, isBusy, accept }) {
  const { candidates } = file.proposal;
  return html`<ol class="candidates" aria-label=${`What ${nameOf(file)} may be`}>
    ${candidates.map(
      (/** @type {any} */ each, /** @type {number} */ place) =>
        html`<${Candidate}
          key=${each.recording}
          candidate=${each}
          number=${candidates.length > 1 ? place + 1 : null}
          isBusy=${isBusy}
          accept=${() => accept(each)}
        />`,
    )}
  </ol>`;
}

/** @param {{ candidate: any, number: number | null, isBusy: boolean, accept: () => unknown }} props */
function Candidate({ candidate, number, isBusy, accept }) {
  const { title, artist } = candidate.fields;
  const name = [title, artist].filter(Boolean).join(", ");
  return html`<li class="candidate">
    <${Cover} address=${`/recordings/${candidate.recording}/cover`} />
    <div class="said">
      <div>
        ${number !== null && html`<kbd title="The key that accepts it">${number}</kbd> `}
        <strong>${title}</strong>${artist && ` · ${artist}`}
      </div>
      <div>${edition(candidate.fields)}</div>
      <div class="hint">${evidenceOf(candidate)} <${Origins} sources=${candidate.sources} /></div>
      <${Player}
        address=${`/recordings/${candidate.recording}/audio`}
        label=${name || "the candidate"}
        from=${beginOf(candidate)}
      />
    </div>
    <div class="decide">
      <strong class="sure-of">${percent(candidate.confidence)}<span class="hint"> sure</span></strong>
      <${Act} label="Accept" kind="strong" isBusy=${isBusy} about=${name} run=${accept} />
    </div>
  </li>`;
}

/**
 * Why something is proposed, and why it was not written.
 * @param {{ proposal: any }} props
 */
export function Reason({ proposal }) {
  // Of the one that it is identified as, the candidate tells the same.
  return html`${proposal.outcome === "ambiguous" && html`<div class="hint">${sentence(proposal.reason)}</div>`}
    ${proposal.refusal && html`<div class="bad">Not written: ${sentence(proposal.refusal)}</div>`}
    ${proposal.will_be_written && html`<div class="due">Is tagged soon, without asking.</div>`}`;
}

/** @param {any} fields */
function edition(fields) {
  const track = fields.track && `track ${fields.track}`;
  return [fields.album, fields.date?.slice(0, 4), track].filter(Boolean).join(" · ");
}

/**
 * Return where in the recording the file begins, so that both are heard at the same place.
 * @param {any} candidate
 */
function beginOf({ passages: [first] }) {
  return first ? Math.max(0, first.recording_span_s[0] - first.file_span_s[0]) : 0;
}
