/** Which addresses found in metadata may become links. */

/**
 * The address, if it is an absolute `http:` or `https:` one without credentials; anything else
 * (`javascript:`, `data:`, a relative path) is shown as text, and so is what a browser would
 * understand in another way than a reader does.
 */
export function safeLink(text: string): string | undefined {
  const address = text.trim();
  if (!/^https?:\/\/[^/]/i.test(address) || /[\s\\]/.test(address) || hasControl(address)) return undefined;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return undefined;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.username || url.password) return undefined;
  return url.href;
}

/** Characters that change how the text around them is shown: controls, and overrides of direction. */
const MISLEADING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of others, with what would mislead a reader shown as `\u{202e}`. */
export function plainText(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(MISLEADING, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function hasControl(text: string): boolean {
  return text.search(MISLEADING) >= 0;
}
