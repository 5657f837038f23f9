/** The page: who may see it, where the reader is, and the view for that. */

import { ask, RequestFailed, SIGNED_OUT } from "./api.js";
import { Audit } from "./audit.js";
import { Changes } from "./changes.js";
import { File } from "./file.js";
import { html, render, useCallback, useEffect, useRef, useState } from "./html.js";
import { Library } from "./library.js";
import { Listen } from "./listen.js";
import { LiveContext, useEvents } from "./live.js";
import { Playlist } from "./playlist.js";
import { Playlists } from "./playlists.js";
import { Plugins } from "./plugins.js";
import { Review } from "./review.js";
import { useRoute } from "./route.js";
import { Messages } from "./says.js";
import { SignIn } from "./sign_in.js";

/** In the menu's order. */
const MENU = [
  { part: "", label: "Listen" },
  { part: "library", label: "Library" },
  { part: "review", label: "Review" },
  { part: "playlists", label: "Playlists" },
  { part: "plugins", label: "Media servers" },
  { part: "audit", label: "Audit" },
];

/** @param {{ route: string[] }} props */
function View({ route: [part = "", id] }) {
  switch (part) {
    case "":
      return html`<${Listen} />`;
    case "library":
      return html`<${Library} />`;
    case "files":
      return html`<${File} key=${id} fileId=${id} />`;
    case "review":
      return html`<${Review} />`;
    case "changes":
      return html`<${Changes} />`;
    case "playlists":
      return id ? html`<${Playlist} key=${id} playlistId=${id} />` : html`<${Playlists} />`;
    case "plugins":
      return html`<${Plugins} />`;
    case "audit":
      return html`<${Audit} />`;
    default:
      return html`<p>There is no such view. <a href="#/">Listen</a></p>`;
  }
}

/** @param {{ part: string, review: number }} props */
function Menu({ part, review }) {
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    menu.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [part]);
  return html`<nav aria-label="Views" ref=${menu}>
    <ul>
      ${MENU.map(
        (each) =>
          html`<li>
            <a href=${`#/${each.part}`} aria-current=${part === each.part ? "page" : undefined}>
              ${each.label}${" "}
              ${
                each.part === "review" &&
                review > 0 &&
                html`<span class="badge">${review}<span class="unseen"> waiting</span></span>`
              }
            </a>
          </li>`,
      )}
    </ul>
  </nav>`;
}

/** @param {{ access: string, onLost: () => void }} props */
function Inside({ access, onLost }) {
  const live = useEvents(onLost);
  const route = useRoute();
  const leave = async () => {
    try {
      await ask("/session", { method: "DELETE" });
    } catch (error) {
      // Whoever looks next says why.
      if (!(error instanceof RequestFailed)) throw error;
    }
    onLost();
  };
  return html`<${LiveContext.Provider} value=${live}>
    <${Messages}>
      <a class="skip" href="#main" onClick=${skip}>To the content</a>
      <div class="top">
        <a class="brand" href="#/"><img src="/web/icon.svg" alt="" width="28" height="28" />Spectra</a>
        <${Menu} part=${route[0] ?? ""} review=${live.status?.files.review ?? 0} />
        ${access === "session" && html`<button type="button" class="quiet" onClick=${leave}>Sign out</button>`}
      </div>
      <main id="main" tabindex="-1">
        ${live.trouble && html`<p class="trouble" role="alert">${live.trouble}</p>`}
        <${View} route=${route} />
      </main>
    <//>
  <//>`;
}

/** @param {Event} event */
function skip(event) {
  // Not by the address: that names the view.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Page() {
  const [access, setAccess] = useState(/** @type {string | null} */ (null));
  const [refusal, setRefusal] = useState(/** @type {RequestFailed | null} */ (null));
  const look = useCallback(async () => {
    try {
      const session = await ask("/session");
      setAccess(session.access);
      setRefusal(null);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setRefusal(error);
    }
  }, []);
  useEffect(() => {
    const lose = (/** @type {Event} */ event) => setRefusal(/** @type {CustomEvent} */ (event).detail);
    addEventListener(SIGNED_OUT, lose);
    look();
    return () => removeEventListener(SIGNED_OUT, lose);
  }, [look]);
  if (refusal?.needsSignIn) return html`<${SignIn} reason=${refusal.message} onSignedIn=${look} />`;
  if (access === null && refusal) {
    return html`<main class="sign-in">
      <h1>Spectra</h1>
      <p class="trouble" role="alert">${refusal.message}</p>
      <button type="button" onClick=${look}>Try again</button>
    </main>`;
  }
  if (access === null) return html`<p class="nothing">Loading …</p>`;
  return html`<${Inside} key=${access} access=${access} onLost=${look} />`;
}

const root = document.getElementById("page");
if (root) render(html`<${Page} />`, root);
