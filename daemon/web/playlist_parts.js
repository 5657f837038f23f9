/** How a list is, and what may be done with it. */

import { ask } from "./api.js";
import { count, sentence } from "./format.js";
import { html } from "./html.js";
import { Moment, Progress, Sure } from "./parts.js";
import { doing, kindName, listName, often, outcome } from "./playlist_words.js";
import { useDo, useSay } from "./says.js";

/**
 * Why nothing is asked at the moment, and until when.
 * @param {{ pause: any }} props
 */
export function Pause({ pause }) {
  if (!pause) return null;
  return html`<p class="pause">
    <strong>YouTube is left alone; it goes on <${Moment} at=${pause.until} />.</strong> ${sentence(pause.reason)}
  </p>`;
}

/**
 * How often a list is read, what came of it, what goes on.
 * @param {{ list: any, pause: any }} props
 */
export function ListFacts({ list, pause }) {
  const busy = doing(list, pause);
  const hasNext = list.next_sync_at && !list.is_due;
  return html`<p class="hint">
      ${kindName(list.kind)} · ${often(list.every_s)}${hasNext && html` · next <${Moment} at=${list.next_sync_at} />`}
    </p>
    <${Counts} counts=${list.counts} />
    <div class="going-on">
      ${busy && !busy.isWaiting ? html`<${Progress} ...${busy} />` : html`<${LastRead} list=${list} />`}
      ${busy?.isWaiting && html`<p class="hint">${busy.label}.</p>`}
    </div>`;
}

/** @param {{ list: any }} props */
function LastRead({ list }) {
  const { begin, detail, isWell } = outcome(list);
  const told = detail ? `: ${detail}` : "";
  if (isWell)
    return html`<p>${begin}${list.synced_at && html` <${Moment} at=${list.synced_at} />`}${told}</p>`;
  return html`<p class="bad">${begin}${told}</p>
    ${list.synced_at && html`<p class="hint">It was read <${Moment} at=${list.synced_at} />.</p>`}`;
}

/** @param {{ counts: any }} props */
function Counts({ counts }) {
  const told = [
    { amount: counts.fetched, label: "fetched", isBad: false },
    { amount: counts.to_fetch, label: "to fetch", isBad: false },
    { amount: counts.failed, label: "failed", isBad: true },
    { amount: counts.unavailable, label: "unavailable", isBad: false },
    { amount: counts.refused, label: "refused", isBad: false },
    { amount: counts.gone, label: "left the list", isBad: false },
  ];
  const shown = told.filter((each) => each.amount > 0);
  return html`<ul class="counts" aria-label="Counts of tracks">
    ${shown.length === 0 && html`<li>no track yet</li>`}
    ${shown.map(
      (each) =>
        html`<li key=${each.label} class=${each.isBad ? "bad" : ""}>${count(each.amount)} ${each.label}</li>`,
    )}
  </ul>`;
}

/** @param {{ list: any, again: () => void, remove?: (list: any) => void }} props it can't be removed without `remove` */
export function ListActions({ list, again, remove }) {
  const tryTo = useDo();
  const say = useSay();
  const sync = async () => {
    const asked = await tryTo(() => ask(`/playlists/${list.playlist_id}/sync`, { method: "POST" }));
    if (asked) say(`${list.title ?? "The list"} is read as soon as it is its turn.`);
    again();
  };
  const isConfigured = list.source === "config";
  return html`<div class="actions">
      <button type="button" onClick=${sync}>Sync now</button>
      ${
        remove &&
        !isConfigured &&
        html`<${Sure}
          label="Remove"
          question=${`Remove ${listName(list)}? The references that came from it stay.`}
          run=${() => remove(list)}
        />`
      }
    </div>
    ${
      isConfigured &&
      html`<p class="hint foot">
        From the configuration: to remove it, take its <code>[[playlists]]</code> entry out there and restart Spectra.
      </p>`
    }`;
}
