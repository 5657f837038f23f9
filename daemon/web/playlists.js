/** The lists of YouTube Music whose tracks become references: add, read now, remove. */

import { ask } from "./api.js";
import { html } from "./html.js";
import { Heading, Nothing, Trouble } from "./parts.js";
import { AddPlaylist } from "./playlist_add.js";
import { ListActions, ListFacts, Pause } from "./playlist_parts.js";
import { listName, useLists } from "./playlist_words.js";
import { useDo, useSay } from "./says.js";

export function Playlists() {
  const lists = useLists();
  const remove = useRemoval(lists);
  return html`<${Heading} title="Playlists" />
    <p>
      Each track of these lists is fetched once and fingerprinted, and its sound is deleted: from then on Spectra knows
      it when it hears it.
    </p>
    <${AddPlaylist} again=${lists.again} />
    <${Trouble} error=${lists.error} again=${lists.again} />
    ${!lists.value && !lists.error && html`<${Nothing}>Loading …<//>`}
    ${lists.value && html`<${Pause} pause=${lists.value.pause} />`}
    ${
      lists.value?.playlists.length === 0 &&
      html`<${Nothing}>There is no playlist yet. Copy the address of one from YouTube Music and add it above.<//>`
    }
    <ul class="rows" aria-label="Playlists">
      ${lists.value?.playlists.map(
        (/** @type {any} */ each) =>
          html`<li key=${each.playlist_id} class="sheet source">
            <div>
              <h2><a id=${linkId(each)} href=${`#/playlists/${each.playlist_id}`}>${listName(each)}</a></h2>
              <${ListFacts} list=${each} pause=${lists.value.pause} />
            </div>
            <${ListActions} list=${each} again=${lists.again} remove=${remove} />
          </li>`,
      )}
    </ul>`;
}

/** @param {any} list */
function linkId(list) {
  return `playlist-${list.playlist_id}`;
}

/**
 * Return how to remove a list, after which the focus is on the next one.
 * @param {{ value: any, again: () => void }} lists
 */
function useRemoval({ value, again }) {
  const tryTo = useDo();
  const say = useSay();
  return async (/** @type {any} */ list) => {
    const removed = await tryTo(() => ask(`/playlists/${list.playlist_id}`, { method: "DELETE" }));
    if (!removed) return;
    /** @type {any[]} */
    const all = value.playlists;
    const place = all.findIndex((each) => each.playlist_id === list.playlist_id);
    const next = all[place + 1] ?? all[place - 1];
    document.getElementById(next ? linkId(next) : "playlist-url")?.focus();
    say(`${listName(list)} is removed; what came from it stays.`);
    again();
  };
}
