/** One list: what became of each of its tracks, and why. */

import { usePages } from "./asking.js";
import { clock, sentence } from "./format.js";
import { html, useState } from "./html.js";
import { Choices, Cover, Heading, Moment, More, Nothing, Trouble } from "./parts.js";
import { ListActions, ListFacts, Pause } from "./playlist_parts.js";
import { listName, STATES, stateName, useLists } from "./playlist_words.js";

const PAGE = 100;

/** @param {{ playlistId: string }} props */
export function Playlist({ playlistId }) {
  const lists = useLists();
  const list = lists.value?.playlists.find(
    (/** @type {any} */ each) => String(each.playlist_id) === playlistId,
  );
  return html`<p><a href="#/playlists">All playlists</a></p>
    <${Heading} title=${list ? listName(list) : "Playlist"} />
    <${Trouble} error=${lists.error} again=${lists.again} />
    ${!lists.value && !lists.error && html`<${Nothing}>Loading …<//>`}
    ${lists.value && !list && html`<${Nothing}>There is no such playlist, or it was removed.<//>`}
    ${
      list &&
      html`<${Pause} pause=${lists.value.pause} />
      <section class="sheet source" aria-label="How it is">
        <div>
          <${ListFacts} list=${list} pause=${lists.value.pause} />
          <p><${PageLink} address=${list.url} title=${listName(list)} /></p>
        </div>
        <${ListActions} list=${list} again=${lists.again} />
      </section>
      <${Tracks} list=${list} />`
    }`;
}

/** @param {{ list: any }} props */
function Tracks({ list }) {
  const [state, setState] = useState("");
  const path = `/playlists/${list.playlist_id}?limit=${PAGE}${state && `&state=${state}`}`;
  const occasion = JSON.stringify([list.counts, list.synced_at]);
  const pages = usePages(path, { rows: "tracks", page: "after", occasion });
  const { counts } = list;
  const choices = STATES.filter((each) => counts[each] > 0 || each === state).map((each) => ({
    value: each,
    label: stateName(each),
    amount: counts[each],
  }));
  const amount = STATES.reduce((sum, each) => sum + counts[each], counts.gone);
  return html`<h2>Tracks</h2>
    <${Choices}
      label="Which tracks"
      choices=${[{ value: "", label: "All", amount }, ...choices]}
      chosen=${state}
      choose=${setState}
    />
    <${Trouble} error=${pages.error} again=${pages.again} />
    ${!pages.isRead && !pages.error && html`<${Nothing}>Loading …<//>`}
    ${pages.isRead && pages.rows.length === 0 && html`<${NoTracks} list=${list} state=${state} />`}
    <ol class="rows" aria-label="Tracks">
      ${pages.rows.map((each) => html`<${Track} key=${each.track_id} track=${each} />`)}
    </ol>
    <${More} more=${pages.more} isAsking=${pages.isAsking} />`;
}

/** @param {{ list: any, state: string }} props */
function NoTracks({ list, state }) {
  if (state) return html`<${Nothing}>No track is in this state.<//>`;
  if (list.synced_at) return html`<${Nothing}>The list was empty when it was read.<//>`;
  return html`<${Nothing}>It was not read yet. “Sync now” reads it.<//>`;
}

/** @param {{ track: any }} props */
function Track({ track }) {
  const by = [track.artists.join(", "), track.album, track.year].filter(Boolean).join(" · ");
  const cover = track.recording_id === null ? null : `/recordings/${track.recording_id}/cover`;
  return html`<li class="row track">
    <${Cover} address=${cover} />
    <div>
      <strong>${track.title}</strong>
      <div class="hint">${by}</div>
      <div class="hint">
        ${track.duration_s !== null && `${clock(track.duration_s)} · `}${track.kind} ·${" "}
        <${PageLink} address=${track.page_url} title=${track.title} />
      </div>
      <${TrackReason} track=${track} />
    </div>
    <${TrackState} track=${track} />
  </li>`;
}

/** @param {{ track: any }} props */
function TrackState({ track }) {
  if (track.gone_since)
    return html`<span class="state">Left the list <${Moment} at=${track.gone_since} /></span>`;
  const looks = track.state === "failed" ? "bad" : track.state === "fetched" ? "good" : "";
  return html`<span class=${`state ${looks}`}>${stateName(track.state)}</span>`;
}

/** @param {{ track: any }} props */
function TrackReason({ track }) {
  const isLate = track.retry_at && new Date(track.retry_at).getTime() > Date.now();
  if (!track.reason && !isLate) return null;
  return html`<div class=${track.state === "failed" ? "bad" : "hint"}>
    ${track.reason && sentence(track.reason.replace(`${track.video_id}: `, ""))}
    ${track.attempts > 0 && ` Tried ${track.attempts === 1 ? "once" : `${track.attempts} times`}.`}
    ${isLate && html` Tried again <${Moment} at=${track.retry_at} />.`}
  </div>`;
}

/** @param {{ address: string, title: string }} props */
function PageLink({ address, title }) {
  if (!address.startsWith("https://")) return null;
  return html`<a href=${address} target="_blank" rel="noreferrer" aria-label=${`${title} on YouTube Music`}>
    YouTube Music
  </a>`;
}
