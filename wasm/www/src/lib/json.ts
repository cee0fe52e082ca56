/** JSON for people to read, as it was written: numbers, order and doubled keys stay. */

/** JSON with two spaces of indent. What is no JSON stays as it is, but for its white space. */
export function indentJson(text: string): string {
  const parts: string[] = [];
  let depth = 0;
  const line = (): void => {
    parts.push("\n", "  ".repeat(Math.min(depth, 64)));
  };
  const tokens = text.match(/"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i] as string;
    if (token === "{" || token === "[") {
      const closing = tokens[i + 1];
      if ((token === "{" && closing === "}") || (token === "[" && closing === "]")) {
        parts.push(token, closing);
        i += 1;
        continue;
      }
      depth += 1;
      parts.push(token);
      line();
    } else if (token === "}" || token === "]") {
      depth = Math.max(depth - 1, 0);
      line();
      parts.push(token);
    } else if (token === ",") {
      parts.push(token);
      line();
    } else if (token === ":") {
      parts.push(": ");
    } else {
      parts.push(token);
    }
  }
  return parts.join("");
}

/** Text in pieces: digests apart from what is around them. */
export function splitDigests(text: string): { text: string; digest: boolean }[] {
  const pieces: { text: string; digest: boolean }[] = [];
  let last = 0;
  for (const match of text.matchAll(/\b(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\b/g)) {
    if (match.index > last) pieces.push({ text: text.slice(last, match.index), digest: false });
    pieces.push({ text: match[0], digest: true });
    last = match.index + match[0].length;
  }
  if (last < text.length) pieces.push({ text: text.slice(last), digest: false });
  return pieces;
}
