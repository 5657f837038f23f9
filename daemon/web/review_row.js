/** A file that waits for a person. */

import { Act } from "./act.js";
import { Candidates, Reason } from "./candidates.js";
import { clock, split } from "./format.js";
import { html } from "./html.js";
import { NameForm } from "./name_form.js";
import { Player } from "./parts.js";

/**
 * @param {{
 *   file: any,
 *   isChosen: boolean,
 *   isNaming: boolean,
 *   setNaming: (isNaming: boolean) => void,
 *   choose: () => void,
 *   deciding: ReturnType<typeof import("./deciding.js").useDeciding>,
 * }} props
 */
export function ReviewRow({ file, isChosen, isNaming, setNaming, choose, deciding }) {
  const isBusy = deciding.isBusy(file);
  const row = `review-${file.file_id}`;
  const close = () => {
    setNaming(false);
    document.getElementById(row)?.focus();
  };
  return html`<li
    id=${row}
    class=${isChosen ? "row review chosen" : "row review"}
    tabindex=${isChosen ? 0 : -1}
    aria-labelledby=${`${row}-name`}
    aria-current=${isChosen ? "true" : undefined}
    aria-busy=${isBusy}
    onFocusIn=${choose}
  >
    <${About} file=${file} id=${`${row}-name`} />
    <${Candidates}
      file=${file}
      isBusy=${isBusy}
      accept=${(/** @type {any} */ each) => deciding.accept(file, each)}
    />
    ${
      isNaming
        ? html`<${NameForm}
          file=${file}
          onNamed=${(/** @type {any} */ answer) => {
            setNaming(false);
            deciding.named(file, answer);
          }}
          onClose=${close}
        />`
        : html`<${Decisions} file=${file} isBusy=${isBusy} deciding=${deciding} setNaming=${setNaming} />`
    }
  </li>`;
}

/** @param {{ file: any, id: string }} props */
function About({ file, id }) {
  const { folder, name } = split(file.path);
  return html`<div class="about of-file">
    <h2 id=${id}><a href=${`#/files/${file.file_id}`}>${name}</a></h2>
    <div class="hint">${folder}${file.duration_s !== null && ` · ${clock(file.duration_s)}`}</div>
    <${Reason} proposal=${file.proposal} />
    <${Player} address=${`/files/${file.file_id}/audio`} label=${name} />
  </div>`;
}

/** @param {{ file: any, isBusy: boolean, deciding: any, setNaming: (isNaming: boolean) => void }} props */
function Decisions({ file, isBusy, deciding, setNaming }) {
  const isOne = file.proposal.candidates.length === 1;
  return html`<div class="actions">
    <${Act}
      label=${isOne ? "Reject" : "None of these"}
      isBusy=${isBusy}
      about=${split(file.path).name}
      run=${() => deciding.reject(file)}
    />
    <${Act} label="Type the name" about=${split(file.path).name} run=${() => setNaming(true)} />
  </div>`;
}
