/** What a clip is: how sure that is and why, what else it may be, or that it is not known. */

import { answer, RequestFailed } from "./api.js";
import { clock, sentence, sure } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { useLive } from "./live.js";
import { Cover, Player, Trouble } from "./parts.js";

const CERTAIN = 0.99;
const LIKELY = 0.9;
const NOTICED_SPEED = 0.005;

/** @param {{ clip: Blob, task: any }} props */
export function Found({ clip, task }) {
  const [best, ...others] = task.result;
  return html`<section class="found" aria-label="Result">
    ${best ? html`<${Best} match=${best} task=${task} />` : html`<${NotKnown} task=${task} />`}
    ${
      others.length > 0 &&
      html`<h2>${task.outcome === "ambiguous" ? "It may as well be" : "Next best"}</h2>
      <ol class="rows">
        ${others.map((/** @type {any} */ each) => html`<${Other} key=${each.song_id} match=${each} />`)}
      </ol>`
    }
    <${Explained} clip=${clip} />
  </section>`;
}

/** @param {{ match: any, task: any }} props */
function Best({ match, task }) {
  return html`<div class="best">
    <${Cover} address=${`/recordings/${match.song_id}/cover`} size="large" />
    <div>
      <p class="verdict">${verdict(match, task)}</p>
      <h2>${match.title ?? match.song_name}</h2>
      <p>${[match.artist, match.album].filter(Boolean).join(" · ")}</p>
      <p>${place(match)}</p>
      ${task.reason && html`<p class="hint">${sentence(task.reason)}</p>`}
      <${Player} address=${`/recordings/${match.song_id}/audio`} label=${match.song_name} from=${match.offset_s} />
      ${
        match.webpage_url &&
        html`<p><a href=${safe(match.webpage_url)} target="_blank" rel="noreferrer">On YouTube Music</a></p>`
      }
    </div>
  </div>`;
}

/** @param {{ match: any }} props */
function Other({ match }) {
  return html`<li class="row">
    <${Cover} address=${`/recordings/${match.song_id}/cover`} />
    <div>
      <strong>${match.title ?? match.song_name}</strong>
      <div class="hint">
        ${[match.artist, match.album].filter(Boolean).join(" · ")} ${place(match)}
      </div>
    </div>
    <span>${sure(match.confidence)} sure</span>
  </li>`;
}

/** @param {{ task: any }} props */
function NotKnown({ task }) {
  const { status } = useLive();
  const waiting = (status?.libraries ?? []).reduce(
    (/** @type {number} */ sum, /** @type {any} */ each) => sum + each.pending,
    0,
  );
  return html`<div class="not-known">
    <h2>Not known</h2>
    <p>Nothing in your library explains this clip${task.reason ? `: ${task.reason}` : ""}.</p>
    <ul>
      ${waiting > 0 && html`<li>${waiting} files are still to be listened to: try again later.</li>`}
      <li>Come closer, or turn it up; five to ten seconds of music without much talk are enough.</li>
      <li>Another recording, a live version say, is other music: only what is in the library is known.</li>
      <li>Add the music to a watched folder, or a <a href="#/playlists">playlist</a> that has it.</li>
    </ul>
  </div>`;
}

/**
 * The picture of why, drawn when it is asked for.
 * @param {{ clip: Blob }} props
 */
function Explained({ clip }) {
  const [picture, setPicture] = useState(/** @type {{ address: string, headline: string } | null} */ (null));
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  useEffect(() => () => URL.revokeObjectURL(picture?.address ?? ""), [picture]);
  const draw = async () => {
    setBusy(true);
    setError(null);
    try {
      const drawn = await answer("/explain_file", { method: "POST", body: clip });
      const headline = decodeURIComponent(drawn.headers.get("X-Spectra-Headline") ?? "");
      setPicture({ address: URL.createObjectURL(await drawn.blob()), headline });
    } catch (failed) {
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.message);
    } finally {
      setBusy(false);
    }
  };
  if (picture) {
    return html`<figure class="picture">
      <a href=${picture.address} target="_blank"><img src=${picture.address} alt=${`Why: ${picture.headline}`} /></a>
    </figure>`;
  }
  return html`<button type="button" disabled=${isBusy} onClick=${draw}>${isBusy ? "Drawing …" : "Show why"}</button>
    <${Trouble} error=${error} />`;
}

/**
 * @param {any} match
 * @param {any} task
 */
function verdict(match, task) {
  if (task.outcome === "ambiguous") return `Perhaps this one: ${sure(match.confidence)} sure`;
  if (match.confidence >= CERTAIN) return `Known: ${sure(match.confidence)} sure`;
  return `${match.confidence >= LIKELY ? "Very likely" : "Likely"}: ${sure(match.confidence)} sure`;
}

/** @param {any} match */
function place(match) {
  const where =
    match.offset_s < -0.5
      ? `begins ${clock(-match.offset_s)} before the track`
      : `${clock(Math.max(0, match.offset_s))} into the track's ${clock(match.duration_s)}`;
  const faster = match.speed - 1;
  if (Math.abs(faster) < NOTICED_SPEED) return where;
  return `${where}, played ${(Math.abs(faster) * 100).toFixed(1)} % ${faster > 0 ? "faster" : "slower"}`;
}

/** @param {string} address */
function safe(address) {
  return /^https:\/\//.test(address) ? address : "#/";
}
