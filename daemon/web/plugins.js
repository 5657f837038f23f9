/** The media servers that Spectra works with: how each is, its test, and asking it for what has no name. */

import { ask, RequestFailed } from "./api.js";
import { useAnswer } from "./asking.js";
import { useEvery } from "./every.js";
import { counted, sentence } from "./format.js";
import { html, useState } from "./html.js";
import { useLive } from "./live.js";
import { Heading, Nothing, Trouble } from "./parts.js";
import { useDo, useSay } from "./says.js";

const PERIOD_MS = 5000;

/** @type {Record<string, string>} */
const NAMES = { navidrome: "Navidrome", jellyfin: "Jellyfin" };

/** @type {Record<string, { label: string, looks: string }>} */
const STATES = {
  on: { label: "Connected", looks: "good" },
  starting: { label: "Connecting …", looks: "" },
  waiting: { label: "Trouble: it is tried again soon", looks: "bad" },
  off: { label: "Off", looks: "bad" },
};

const NAVIDROME = `[plugins.navidrome]
url = "http://nas:4533"
# an administrator's
username = "spectra"
password = "..."
# where Navidrome has its music
music_folders = "/music"`;

const JELLYFIN = `[plugins.jellyfin]
url = "http://nas:8096"
# Dashboard > API Keys
api_key = "..."`;

const PATH_MAP = `[[path_map]]
# the media server's folder
server = "/media/music"
# the same folder for Spectra
local = "/srv/music"
source = "jellyfin"`;

export function Plugins() {
  const plugins = useAnswer("/plugins", useLive().changes);
  useEvery(PERIOD_MS, plugins.again);
  const shown = plugins.value?.plugins;
  return html`<${Heading} title="Media servers" />
    <${Trouble} error=${plugins.error} again=${plugins.again} />
    ${!shown && !plugins.error && html`<${Nothing}>Loading …<//>`}
    ${shown?.length === 0 && html`<${HowToAdd} />`}
    <ul class="rows" aria-label="Media servers">
      ${shown?.map(
        (/** @type {any} */ each) =>
          html`<${Plugin} key=${each.name} plugin=${each} again=${plugins.again} />`,
      )}
    </ul>`;
}

/** @param {{ plugin: any, again: () => void }} props */
function Plugin({ plugin, again }) {
  const state = STATES[plugin.state] ?? { label: plugin.state, looks: "" };
  const name = NAMES[plugin.name] ?? plugin.name;
  return html`<li class="sheet source">
    <div>
      <h2>${name}</h2>
      <p><strong class=${state.looks}>${state.label}</strong></p>
      <p>${sentence(plugin.detail)}</p>
      <ul class="counts" aria-label="Items and files">
        <li>
          ${
            plugin.unnamed === null
              ? "not asked yet for what has no name"
              : `${counted(plugin.unnamed, "item")} without a name`
          }
        </li>
        <li>told of ${counted(plugin.told, "file")}</li>
        ${plugin.to_tell > 0 && html`<li>${counted(plugin.to_tell, "file")} to tell</li>`}
      </ul>
      ${
        plugin.refusal &&
        html`<p class="bad">
          ${plugin.refused > 0 && `${counted(plugin.refused, "item leads", "items lead")} nowhere: `}${sentence(plugin.refusal)}
        </p>`
      }
    </div>
    <${PluginActions} path=${`/plugins/${encodeURIComponent(plugin.name)}`} name=${name} again=${again} />
  </li>`;
}

/** @param {{ path: string, name: string, again: () => void }} props */
function PluginActions({ path, name, again }) {
  const [checks, setChecks] = useState(/** @type {any[] | null} */ (null));
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const tryTo = useDo();
  const say = useSay();
  const test = async () => {
    if (isBusy) return;
    setBusy(true);
    setError(null);
    setChecks(null);
    try {
      setChecks((await ask(`${path}/test`, { method: "POST" })).checks);
    } catch (failed) {
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.message);
    } finally {
      setBusy(false);
      again();
    }
  };
  const sync = async () => {
    const asked = await tryTo(() => ask(`${path}/sync`, { method: "POST" }));
    if (asked) say(`${name} is asked for what has no name.`);
    again();
  };
  return html`<div class="actions">
      <button type="button" aria-disabled=${isBusy} onClick=${test}>${isBusy ? "Testing …" : "Test"}</button>
      <button type="button" onClick=${sync}>Sync now</button>
    </div>
    <div class="foot" aria-live="polite">
      <${Trouble} error=${error} />
      ${checks && html`<${Checks} checks=${checks} />`}
    </div>`;
}

/** @param {{ checks: any[] }} props */
function Checks({ checks }) {
  const failed = checks.filter((each) => !each.is_ok).length;
  return html`<p>${failed === 0 ? "All is well." : `${counted(failed, "thing")} to mend:`}</p>
    <ul class="checks" aria-label="Checks">
      ${checks.map(
        (each) =>
          html`<li class=${each.is_ok ? "ok" : "not-ok"}>
            <strong class=${each.is_ok ? "good" : "bad"}>${each.is_ok ? "OK" : "No"}</strong>
            <span>${sentence(each.subject).slice(0, -1)}: ${each.sentence}</span>
          </li>`,
      )}
    </ul>`;
}

function HowToAdd() {
  return html`<section class="sheet">
    <h2>Connect Navidrome or Jellyfin</h2>
    <p>
      No media server is configured. Spectra can name what one shows without a name, and have it read the files again
      at once. Add one of these to the configuration (<code>~/.config/spectra/spectra.toml</code> or${" "}
      <code>/etc/spectra/spectra.toml</code>), and restart Spectra:
    </p>
    <pre tabindex="0" role="group" aria-label="For Navidrome"><code>${NAVIDROME}</code></pre>
    <pre tabindex="0" role="group" aria-label="For Jellyfin"><code>${JELLYFIN}</code></pre>
    <p>
      The file holds a password or a key then: <code>chmod 600</code> it. In containers both often see the music under
      different paths; say so:
    </p>
    <pre tabindex="0" role="group" aria-label="For other paths"><code>${PATH_MAP}</code></pre>
    <p>Then “Test” on this page says, sentence by sentence, whether address, rights and paths are right.</p>
  </section>`;
}
