/** Ask for the token once; the daemon keeps it as a cookie that scripts can't read. */

import { ask, RequestFailed } from "./api.js";
import { html, useEffect, useRef, useState } from "./html.js";

/** @param {{ reason: string, onSignedIn: () => void }} props */
export function SignIn({ reason, onSignedIn }) {
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const token = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    document.title = "Sign in – Spectra";
    // Browsers follow `autofocus` only once a page, not after signing out.
    token.current?.focus();
  }, []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await ask("/session", { method: "POST", body: { token: token.current?.value.trim() ?? "" } });
      onSignedIn();
    } catch (failed) {
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.status === 401 ? "This token is wrong." : failed.message);
      token.current?.select();
    } finally {
      setBusy(false);
    }
  };
  return html`<main class="sign-in">
    <h1>Spectra</h1>
    <p>From another device, Spectra asks for its token once. On the machine that runs it, show the token with:</p>
    <pre><code>spectra token</code></pre>
    <form onSubmit=${submit}>
      <label for="token">Token</label>
      <input
        id="token"
        ref=${token}
        type="password"
        autocomplete="current-password"
        required
        aria-describedby="token-error"
        aria-invalid=${error !== null}
      />
      <p id="token-error" class="trouble" role="alert">${error}</p>
      <button type="submit" class="strong" disabled=${isBusy}>Sign in</button>
    </form>
    <details>
      <summary>Why?</summary>
      <p>${reason}</p>
    </details>
  </main>`;
}
