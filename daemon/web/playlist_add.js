/** Add a list of YouTube Music. */

import { answer, ask, RequestFailed } from "./api.js";
import { sentence } from "./format.js";
import { html, useRef, useState } from "./html.js";
import { listName } from "./playlist_words.js";
import { useDo, useSay } from "./says.js";

const NEVER = "never";
const OFTEN = [
  { value: "1h", label: "every hour" },
  { value: "6h", label: "every 6 hours" },
  { value: "1d", label: "every day" },
  { value: NEVER, label: "only when asked" },
];
const USUAL = "6h";

/** @param {{ again: () => void }} props `again` has the lists read */
export function AddPlaylist({ again }) {
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const url = useRef(/** @type {HTMLInputElement | null} */ (null));
  const every = useRef(/** @type {HTMLSelectElement | null} */ (null));
  const sayAdded = useSayAdded(again);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (!url.current || !every.current || isBusy) return;
    setBusy(true);
    try {
      const chosen = every.current.value;
      const body = { url: url.current.value.trim(), every: chosen === NEVER ? null : chosen };
      const response = await answer("/playlists", { method: "POST", body });
      setError(null);
      url.current.value = "";
      sayAdded(await response.json(), response.status === 201);
      again();
    } catch (failed) {
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.message);
      url.current.focus();
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="sheet add-playlist" onSubmit=${submit}>
    <div class="address">
      <label for="playlist-url">Address of a playlist, album, artist or track of YouTube Music</label>
      <input
        id="playlist-url"
        ref=${url}
        type="text"
        inputmode="url"
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        placeholder="https://music.youtube.com/playlist?list=…"
        required
        maxlength="2000"
        aria-describedby="playlist-error"
        aria-invalid=${error !== null}
        onInput=${() => setError(null)}
      />
    </div>
    <div>
      <label for="playlist-every">Read it</label>
      <select id="playlist-every" ref=${every} defaultValue=${USUAL}>
        ${OFTEN.map((each) => html`<option value=${each.value} selected=${each.value === USUAL}>${each.label}</option>`)}
      </select>
    </div>
    <button type="submit" class="strong" aria-disabled=${isBusy}>Add</button>
    <p id="playlist-error" class="trouble" role="alert">${error && sentence(error)}</p>
  </form>`;
}

/**
 * Return how to say that a list is there.
 * @param {() => void} again
 */
function useSayAdded(again) {
  const say = useSay();
  const tryTo = useDo();
  return (/** @type {any} */ list, /** @type {boolean} */ isNew) => {
    const read = async () => {
      await tryTo(() => ask(`/playlists/${list.playlist_id}/sync`, { method: "POST" }));
      again();
    };
    const begin = isNew ? "Added" : "This one is there already";
    if (list.every_s !== null) say(isNew ? "Added. Its tracks become references one by one." : `${begin}.`);
    else say(`${begin}: ${listName(list)}`, { action: { label: "Read it now", run: read } });
  };
}
