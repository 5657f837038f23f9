/** The music folders: what they are, how far their files are, and what could not be read. */

import { count, counted, split } from "./format.js";
import { html } from "./html.js";
import { Failure, Nothing, Progress, Trouble } from "./parts.js";

/** @type {Record<string, string>} */
const STATES = {
  watching: "Watched",
  polling: "Looked through now and then",
  offline: "Not there",
  failed: "Can't be watched",
  "not watched": "Not watched",
};

/** @param {{ status: any }} props */
export function Folders({ status }) {
  return html`<section>
    <h2>Music folders</h2>
    ${
      status.libraries.length === 0 &&
      html`<${Nothing}>
        No music folder is known. Set <code>library.roots</code> in the configuration, or start with
        <code>${" "}spectra serve --music FOLDER</code>.
      <//>`
    }
    <div class="music-folders">
      ${status.libraries.map((/** @type {any} */ each) => html`<${Folder} key=${each.root} folder=${each} />`)}
    </div>
    <${Failed} status=${status} />
  </section>`;
}

/** @param {{ folder: any }} props */
function Folder({ folder }) {
  const isWell = folder.state === "watching" || folder.state === "polling";
  const done = folder.present - folder.pending;
  return html`<article class="sheet music-folder">
    <h3>${folder.root}</h3>
    <p class=${isWell || folder.state === "not watched" ? "hint" : "bad"}>
      ${STATES[folder.state] ?? folder.state}${folder.reason ? `: ${folder.reason}` : ""}
      ${folder.scanning ? " · being looked through" : ""}
    </p>
    ${
      folder.pending > 0
        ? html`<${Progress}
          label=${`${count(done)} of ${counted(folder.present, "file")} listened to`}
          done=${done}
          total=${folder.present}
        />`
        : html`<p>
          ${counted(folder.present, "file")}${folder.missing > 0 ? `, ${count(folder.missing)} more are gone` : ""}
          ${!folder.scanned && " – not looked through yet"}
        </p>`
    }
  </article>`;
}

/** @param {{ status: any }} props */
function Failed({ status }) {
  if (status.failed.length === 0) return null;
  return html`<details class="failed">
    <summary>Files that could not be read</summary>
    <ul>
      ${status.failed.map(
        (/** @type {any} */ each) => html`<li key=${each.path}>
          <a href=${`#/files/${each.file_id}`}><strong>${split(each.path).name}</strong></a>${" "}
          <span class="hint">${split(each.path).folder}</span>
          <${Failure} file=${each} />
        </li>`,
      )}
    </ul>
    <p><a href="#/library/failed">All of them</a></p>
  </details>`;
}

/**
 * What is being done, as far as folders don't tell.
 * @param {{ status: any }} props
 */
export function Work({ status }) {
  const { files, index, recordings } = status;
  const toHold = files.to_identify + files.to_offer;
  return html`<div class="work" aria-live="off">
    <${Trouble} error=${index.error} />
    ${
      index.to_build > 0 &&
      html`<${Progress}
        label=${`${counted(index.to_build, "recording")} to be put into the index`}
        done=${Math.max(0, recordings.total - index.to_build)}
        total=${recordings.total}
      />`
    }
    ${toHold > 0 && html`<p>${counted(toHold, "file")} being held against what is known …</p>`}
    ${files.to_tag > 0 && html`<p>${counted(files.to_tag, "file")} being tagged …</p>`}
    ${
      files.postponed > 0 &&
      html`<p class="hint">
        ${counted(files.postponed, "file")} could not be tagged yet, and will be tried again: see
        <a href="#/review">Review</a>.
      </p>`
    }
  </div>`;
}
