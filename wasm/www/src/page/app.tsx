/** The frame around every view. */

import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import { formatHash } from "../lib/route.ts";
import { RepositoryView } from "../views/repository.tsx";
import { StartView } from "../views/start.tsx";
import { ProblemCard } from "./call.tsx";
import { problemOf } from "./client.ts";
import { CredentialsDialog } from "./credentials.tsx";
import { HelpDialog } from "./help.tsx";
import { installKeys } from "./keys.ts";
import { announcement, go, helpShown, opened, route, theme, worker } from "./state.ts";
import { store } from "./storage.ts";

/** Everything. */
export function App() {
  useEffect(installKeys, []);
  const { reference } = route.value;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Bar />
      <main id="main" tabIndex={-1}>
        <Guard key={reference}>{reference ? <RepositoryView reference={reference} /> : <StartView />}</Guard>
      </main>
      <p class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </p>
      <CredentialsDialog />
      <HelpDialog />
    </>
  );
}

/** Shows what went wrong while drawing, instead of half a page. */
function Guard({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary();
  return error ? <ProblemCard problem={problemOf(error)} retry={reset} /> : <>{children}</>;
}

function skip(event: Event): void {
  // The hash of the address says which repository is open: it must stay.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Bar() {
  return (
    <header class="bar">
      <a class="brand" href="#" onClick={home}>
        <span aria-hidden="true" class="mark" />
        <span class="brand-name">Inspector</span>
      </a>
      <AddressForm />
      <div class="bar-tools">
        <Known />
        <button type="button" class="bare" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => (helpShown.value = true)}>
          ?
        </button>
        <ThemeSwitch />
      </div>
    </header>
  );
}

function home(event: Event): void {
  event.preventDefault();
  opened.value = undefined;
  go("#");
}

function AddressForm() {
  const { reference } = route.value;
  const [text, setText] = useState(reference);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(reference), [reference]);
  const submit = (event: Event): void => {
    event.preventDefault();
    const wanted = (input.current?.value ?? text).trim();
    if (wanted) go(formatHash(wanted));
  };
  return (
    <form class="address" role="search" aria-label="Repository" onSubmit={submit}>
      <input
        ref={input}
        id="address"
        type="text"
        aria-label="Repository address"
        placeholder="oci://registry.example/namespace/name:tag"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Open</button>
    </form>
  );
}

/** Registries that got credentials, and how to take them back. */
function Known() {
  const known = worker.client.known.value;
  if (!known.length) return null;
  return (
    <span class="known">
      {known.map((registry) => (
        <button
          type="button"
          class="bare"
          key={registry}
          title={`Credentials for ${registry} are in this page's memory. Click to forget them.`}
          onClick={() => void worker.client.call("credentials", [registry, undefined])}
        >
          Log out of {registry}
        </button>
      ))}
    </span>
  );
}

const THEMES = { system: "System colours", light: "Light", dark: "Dark" } as const;

function ThemeSwitch() {
  return (
    <label class="theme">
      <span class="unseen">Colours</span>
      <select
        value={theme.value}
        onChange={(event) => {
          theme.value = event.currentTarget.value as keyof typeof THEMES;
          store("theme", theme.value);
        }}
      >
        {Object.entries(THEMES).map(([value, label]) => (
          <option value={value} key={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

