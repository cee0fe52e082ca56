import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { worker } from "./state.ts";
import type { Credentials } from "../protocol.ts";
import type { Question } from "./client.ts";

/** Asks for the credentials of the registry that waits first. */
export function CredentialsDialog() {
  const [first] = worker.client.questions.value;
  return first ? <Ask key={first.ask} question={first} /> : null;
}

function Ask({ question }: { question: Question }) {
  const { registry } = question;
  const [kind, setKind] = useState<"password" | "token">("password");
  const answer = (credentials: Credentials | undefined): void => worker.client.answer(question, credentials);
  const submit = (event: Event): void => {
    event.preventDefault();
    // Read from the fields, never from state that is kept anywhere else.
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => String(data.get(name) ?? "");
    answer(
      kind === "token"
        ? { token: field("token").trim() }
        : { username: field("username"), password: field("password") },
    );
  };
  return (
    <Dialog label={`Credentials for ${registry}`} onClose={() => answer(undefined)}>
      <form class="credentials" onSubmit={submit}>
        <h2>Credentials for {registry}</h2>
        <p class="quiet">
          They stay in this page's memory until it is closed or reloaded, and are sent to {registry} and its token
          server only.
        </p>
        <div class="choice" role="radiogroup" aria-label="Kind of credentials">
          <label>
            <input type="radio" name="kind" checked={kind === "password"} onChange={() => setKind("password")} /> User
            name and password
          </label>
          <label>
            <input type="radio" name="kind" checked={kind === "token"} onChange={() => setKind("token")} /> Token
          </label>
        </div>
        {kind === "password" ? (
          <>
            <label>
              User name
              <input name="username" type="text" autocomplete="off" spellcheck={false} autoFocus required />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="off" required />
            </label>
          </>
        ) : (
          <label>
            Token
            <input name="token" type="password" autocomplete="off" autoFocus required />
          </label>
        )}
        <div class="row">
          <button type="submit" class="primary">
            Log in
          </button>
          <button type="button" onClick={() => answer(undefined)}>
            Go on without
          </button>
        </div>
      </form>
    </Dialog>
  );
}
