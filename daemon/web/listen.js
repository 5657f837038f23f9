/** Say what is playing: from the microphone, or a file. */

import { matchClip, RequestFailed } from "./api.js";
import { clock, counted } from "./format.js";
import { Found } from "./found.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { useLive } from "./live.js";
import { Recording, whyNoMicrophone } from "./microphone.js";
import { Heading, Trouble } from "./parts.js";

const EARLY_S = 5;
const LONGEST_S = 10;

/**
 * @typedef {{ clip: Blob, task: any }} Answer
 * @typedef {{ name: "idle" } | { name: "recording", recording: Recording } | { name: "looking" }} Stage
 */

export function Listen() {
  const [stage, setStage] = useState(/** @type {Stage} */ ({ name: "idle" }));
  const [answer, setAnswer] = useState(/** @type {Answer | null} */ (null));
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(), []);

  const run = async (/** @type {(signal: AbortSignal) => Promise<Answer>} */ work) => {
    leaving.current.abort();
    const own = new AbortController();
    leaving.current = own;
    setAnswer(null);
    setError(null);
    try {
      const found = await work(own.signal);
      if (!own.signal.aborted) setAnswer(found);
    } catch (failed) {
      if (own.signal.aborted) return;
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.message);
    } finally {
      if (leaving.current === own) setStage({ name: "idle" });
    }
  };
  const listen = () => run((signal) => recorded(signal, setStage));
  const look = (/** @type {File | undefined} */ file) => {
    if (!file) return;
    run(async (signal) => {
      setStage({ name: "looking" });
      return { clip: file, task: await matchClip(file, signal) };
    });
  };
  const cancel = () => {
    leaving.current.abort();
    setStage({ name: "idle" });
  };

  return html`<${Drop} onFile=${look}>
    <${Heading} title="Listen" />
    <${Microphone} stage=${stage} listen=${listen} cancel=${cancel} />
    <${Files} look=${look} isBusy=${stage.name !== "idle"} />
    <div aria-live="polite">
      <${Trouble} error=${error} />
      ${answer && html`<${Found} key=${answer.clip} clip=${answer.clip} task=${answer.task} />`}
    </div>
    <${Known} />
  <//>`;
}

/**
 * Record until the daemon knows it: it is asked after 5 s, and again after 10.
 * @param {AbortSignal} signal
 * @param {(stage: Stage) => void} setStage
 * @returns {Promise<Answer>}
 */
async function recorded(signal, setStage) {
  const recording = await Recording.begin();
  signal.addEventListener("abort", () => recording.close());
  try {
    signal.throwIfAborted();
    setStage({ name: "recording", recording });
    const early = await recording.first(EARLY_S, signal);
    const earlyTask = matchClip(early, signal).catch((failed) => {
      // Too little, too quiet: all of it may do.
      if (failed instanceof RequestFailed) return null;
      throw failed;
    });
    const whole = recording.first(LONGEST_S, signal);
    whole.catch(() => {});
    const first = await Promise.race([earlyTask, whole.then(() => null)]);
    if (first?.result.length > 0) return { clip: early, task: first };
    const clip = await whole;
    if (recording.isSilent) {
      throw new RequestFailed("The microphone hears nothing: is it muted, or the wrong one chosen?", 0);
    }
    recording.close();
    setStage({ name: "looking" });
    const task = await earlyTask;
    if (task && task.result.length > 0) return { clip: early, task };
    return { clip, task: await matchClip(clip, signal) };
  } finally {
    recording.close();
  }
}

/** @param {{ stage: Stage, listen: () => void, cancel: () => void }} props */
function Microphone({ stage, listen, cancel }) {
  const why = whyNoMicrophone();
  if (why !== null) return html`<p class="hint insecure">${why}</p>`;
  return html`<div class="microphone">
    ${
      stage.name === "idle"
        ? html`<button type="button" class="listen" onClick=${listen}>Listen</button>`
        : html`<button type="button" class="listen busy" onClick=${cancel}>
          ${stage.name === "recording" ? "Listening" : "Looking"}<span>tap to stop</span>
        </button>`
    }
    ${stage.name === "recording" && html`<${Level} recording=${stage.recording} />`}
  </div>`;
}

/**
 * How loud it is, and for how long it has been recorded.
 * @param {{ recording: Recording }} props
 */
function Level({ recording }) {
  const [now, setNow] = useState({ level: 0, lengthS: 0 });
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      setNow({ level: recording.level, lengthS: recording.lengthS });
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [recording]);
  return html`<div class="level">
    <meter aria-label="Level of the microphone" min="0" max="1" low="0.1" value=${now.level}></meter>
    <span>${clock(Math.min(now.lengthS, LONGEST_S))} of at most ${clock(LONGEST_S)}</span>
  </div>`;
}

/** @param {{ look: (file: File | undefined) => void, isBusy: boolean }} props */
function Files({ look, isBusy }) {
  const chosen = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    look(input.files?.[0]);
    input.value = "";
  };
  const isInsecure = whyNoMicrophone() !== null;
  return html`<div class="files">
    ${
      isInsecure &&
      html`<label class="button strong">
      Record with this device
      <input type="file" accept="audio/*" capture disabled=${isBusy} onChange=${chosen} />
    </label>`
    }
    <label class="button">
      Choose a file
      <input type="file" accept="audio/*,video/*" disabled=${isBusy} onChange=${chosen} />
    </label>
    <span class="hint">or drop one here</span>
  </div>`;
}

/** @param {{ onFile: (file: File | undefined) => void, children?: any }} props */
function Drop({ onFile, children }) {
  const [isOver, setOver] = useState(false);
  return html`<div
    class=${isOver ? "drop over" : "drop"}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${() => setOver(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(false);
      onFile(event.dataTransfer?.files[0]);
    }}
  >
    ${children}
  </div>`;
}

/** What can be recognised at all. */
function Known() {
  const { status } = useLive();
  if (!status) return null;
  const { total } = status.recordings;
  if (total === 0) {
    return html`<p class="hint">Spectra knows no music yet: put some into a watched folder, or add a playlist.</p>`;
  }
  return html`<p class="hint">Listens for ${counted(total, "recording")} of your library. Nothing leaves your network.</p>`;
}
