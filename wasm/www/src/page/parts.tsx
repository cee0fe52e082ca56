/** Small parts that many views use. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatAge, formatDay, formatMoment, shortDigest } from "../lib/format.ts";
import { plainText, safeLink } from "../lib/link.ts";
import { announcement } from "./state.ts";

/** Text of strangers. */
export function Text({ children }: { children: string }) {
  return <>{plainText(children)}</>;
}

/** An address of strangers: a link if it is one of the web, text otherwise. */
export function Address({ children }: { children: string }) {
  const link = safeLink(children);
  return link ? (
    <a href={link} rel="noopener noreferrer nofollow" target="_blank">
      {plainText(children)}
    </a>
  ) : (
    <span class="unlinked">{plainText(children)}</span>
  );
}

/** A day, with the moment and how long ago it is on a closer look. */
export function Day({ seconds, age = false }: { seconds: number | undefined; age?: boolean }) {
  if (!seconds || seconds <= 0) return <span class="quiet">–</span>;
  const ago = formatAge(seconds, Date.now() / 1000);
  return (
    <time dateTime={new Date(Math.min(seconds, 8.64e12) * 1000).toISOString()} title={`${formatMoment(seconds)}, ${ago}`}>
      {formatDay(seconds)}
      {age && <span class="quiet"> · {ago}</span>}
    </time>
  );
}

/** A digest, cut; whole on a closer look and for screen readers. */
export function Digest({ children, href }: { children: string; href?: string }) {
  const text = (
    <span class="mono" title={children}>
      <span aria-hidden="true">{shortDigest(children)}</span>
      <span class="unseen">{children}</span>
    </span>
  );
  return href ? <a href={href}>{text}</a> : text;
}

/** Puts text into the clipboard, and says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      announcement.value = "Copied.";
    } catch {
      announcement.value = "The browser does not let this page copy.";
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <button type="button" class="copy" aria-label={label} title={label} onClick={() => void copy()}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}

/** Text to copy. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div class="copy-block">
      <pre tabIndex={0} role="group" aria-label={label.replace(/^Copy /, "")}>
        {text}
      </pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

/** A part of a page that is opened when it is wanted, and drawn only then. */
export function Fold(props: { title: ComponentChildren; count?: string; open?: boolean; children: () => ComponentChildren }) {
  const { title, count, open = false, children } = props;
  const [shown, setShown] = useState(open);
  return (
    <details class="fold" open={shown} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        <span class="fold-title">{title}</span>
        {count !== undefined && <span class="count">{count}</span>}
      </summary>
      {shown && <div class="fold-body">{children()}</div>}
    </details>
  );
}

/** Nothing to show, and why. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
