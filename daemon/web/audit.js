/** The audit of the whole library: start it, follow it, and read its last report. It changes nothing. */

import { ask } from "./api.js";
import { useAnswer, usePages } from "./asking.js";
import { useEvery } from "./every.js";
import { Finding, KINDS } from "./findings.js";
import { count, counted, sentence } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Choices, Heading, Moment, More, Nothing, Progress, Sure, Trouble } from "./parts.js";
import { useDo, useSay } from "./says.js";

const PERIOD_MS = 2000;
const PAGE = 20;
/** Findings that the daemon answers at once. */
const MOST = 200;

/** @type {Record<string, string>} */
const PHASES = {
  recordings: "Comparing recordings",
  files: "Looking at files",
  report: "Writing the report",
};

export function Audit() {
  const audit = useAnswer("/audit?limit=1");
  const run = audit.value?.run;
  const isRunning = run?.status === "running";
  useEvery(isRunning ? PERIOD_MS : null, audit.again);
  return html`<${Heading} title="Audit" />
    <p>
      Finds what the library holds several times, under several names, or in pieces. It only reports: nothing is
      deleted, moved or renamed, and what to do is yours to decide.
    </p>
    <${Trouble} error=${audit.error} again=${audit.again} />
    ${!audit.value && !audit.error && html`<${Nothing}>Loading …<//>`}
    ${audit.value && html`<${Running} run=${run} again=${audit.again} hasReport=${audit.value.report !== null} />`}
    ${audit.value?.report && html`<${Report} key=${audit.value.report.run_id} report=${audit.value.report} />`}`;
}

/** @param {{ run: any, again: () => void, hasReport: boolean }} props */
function Running({ run, again, hasReport }) {
  const tryTo = useDo();
  const isRunning = run?.status === "running";
  const place = useFollowingFocus(isRunning);
  useSayingTheEnd(run);
  const start = async (/** @type {boolean} */ fresh) => {
    await tryTo(() => ask("/audit", { method: "POST", body: { fresh } }));
    again();
  };
  const cancel = async () => {
    await tryTo(() => ask("/audit", { method: "DELETE" }));
    again();
  };
  // Apart by their keys, so that the button to start does not become the one to cancel under the finger.
  if (isRunning) {
    return html`<section key="running" class="sheet" aria-label="The audit that runs" ref=${place} tabindex="-1">
      <${RunProgress} run=${run} />
      <div class="actions">
        <button type="button" onClick=${cancel}>Cancel</button>
        <span class="hint">Began <${Moment} at=${run.started_at} />. The next one goes on where it is stopped.</span>
      </div>
    </section>`;
  }
  return html`<section key="idle" class="sheet" aria-label="Start an audit" ref=${place} tabindex="-1">
    <${HowItEnded} run=${run} hasReport=${hasReport} />
    <div class="actions">
      <button type="button" class="strong" onClick=${() => start(false)}>Start an audit</button>
      ${
        run &&
        html`<${Sure}
          label="Start afresh"
          question="Compare everything anew, forgetting what is known? That takes as long as the first time."
          run=${() => start(true)}
        />`
      }
    </div>
  </section>`;
}

/**
 * Return what to mark so that it gets the focus when the run begins or ends, if what had it is gone.
 * @param {boolean} isRunning
 */
function useFollowingFocus(isRunning) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const was = useRef(isRunning);
  useEffect(() => {
    const isLost = document.activeElement === document.body;
    if (was.current !== isRunning && isLost) place.current?.focus({ preventScroll: true });
    was.current = isRunning;
  }, [isRunning]);
  return place;
}

/**
 * Say how a run ended that was followed.
 * @param {any} run
 */
function useSayingTheEnd(run) {
  const say = useSay();
  const followed = useRef(/** @type {number | null} */ (null));
  useEffect(() => {
    if (run?.status === "running") followed.current = run.run_id;
    else if (run && followed.current === run.run_id) {
      followed.current = null;
      say(run.status === "done" ? "The audit is done." : `The audit has ended: ${run.error ?? run.status}.`);
    }
  }, [run?.run_id, run?.status]);
}

/** @param {{ run: any }} props */
function RunProgress({ run }) {
  const label = PHASES[run.phase] ?? "Auditing";
  const total = run.done + run.left;
  if (run.phase === "report" || total === 0) return html`<${Progress} label=${`${label} …`} />`;
  return html`<${Progress} label=${`${label}: ${count(run.done)} of ${counted(total, "step")}`} done=${run.done} total=${total} />`;
}

/** @param {{ run: any, hasReport: boolean }} props */
function HowItEnded({ run, hasReport }) {
  if (!run) {
    return html`<p>There was no audit yet. The first one compares every recording with all others, which takes a while;
      music that comes in meanwhile is not held up.</p>`;
  }
  if (run.status === "failed")
    return html`<p class="bad">The last audit failed: ${sentence(run.error ?? "the log tells why")}</p>`;
  if (run.status === "done") return html`<p>The next audit looks only at what is new.</p>`;
  const report = hasReport ? "; the report below is of the one before" : "";
  return html`<p>The last audit was ${run.status}: the next one goes on where it was${report}.</p>`;
}

/** @param {{ report: any }} props */
function Report({ report }) {
  const [kind, setKind] = useState("");
  const path = `/audit?limit=${PAGE}${kind && `&kind=${kind}`}`;
  const pages = usePages(path, { rows: "findings", page: "after", most: MOST });
  const amount = KINDS.reduce((sum, each) => sum + report.counts[each.kind], 0);
  const choices = KINDS.map((each) => ({
    value: each.kind,
    label: each.title,
    amount: report.counts[each.kind],
  }));
  return html`<h2>The last report</h2>
    <p>
      Made <${Moment} at=${report.made_at} />, of ${counted(report.files, "file")} and${" "}
      ${counted(report.recordings, "recording")}. <${Since} since=${report.since} />
    </p>
    ${
      amount === 0
        ? html`<${Nothing}>Nothing was found: every sound is there once, under one name, and whole.<//>`
        : html`<${Choices}
            label="Which findings"
            choices=${[{ value: "", label: "All", amount }, ...choices]}
            chosen=${kind}
            choose=${setKind}
          />`
    }
    <${Trouble} error=${pages.error} again=${pages.again} />
    ${!pages.isRead && !pages.error && html`<${Nothing}>Loading …<//>`}
    ${amount > 0 && pages.isRead && pages.rows.length === 0 && html`<${Nothing}>There is nothing of this kind.<//>`}
    <ul class="rows" aria-label="Findings">
      ${pages.rows.map((each) => html`<${Finding} key=${each.finding_id} finding=${each} />`)}
    </ul>
    <${More} more=${pages.more} isAsking=${pages.isAsking} />`;
}

/** @param {{ since: any }} props */
function Since({ since }) {
  const told = [
    since.new > 0 && counted(since.new, "new file"),
    since.changed > 0 && `${counted(since.changed, "file")} changed`,
    since.missing > 0 && `${counted(since.missing, "file")} gone`,
  ].filter(Boolean);
  return told.length > 0 ? `Since then: ${told.join(", ")}.` : "Nothing has changed since.";
}
