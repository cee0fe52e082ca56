/** References as the page shows them. What is valid is for the core to say. */

/** The parts of `oci://registry/name[:tag][@digest]`. */
export interface Reference {
  scheme: "oci" | "oci+http";
  /** Host, and port if there is one. */
  registry: string;
  /** Path of the repository in the registry. */
  name: string;
  tag: string | undefined;
  digest: string | undefined;
}

const SHAPE = /^(oci|oci\+http):\/\/([^/?#@\s]+)\/([a-z0-9._/-]+?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@([a-z0-9+._-]+:[A-Za-z0-9=_-]+))?$/;

/** Takes a reference apart; `undefined` for anything else, such as the short forms of Docker. */
export function parseReference(text: string): Reference | undefined {
  const parts = SHAPE.exec(text.trim());
  if (!parts) return undefined;
  const [, scheme, registry, name, tag, digest] = parts;
  return {
    scheme: scheme as Reference["scheme"],
    registry: registry as string,
    name: name as string,
    tag,
    digest,
  };
}

/** The reference as text again. */
export function formatReference(reference: Reference): string {
  const { scheme, registry, name, tag, digest } = reference;
  return `${scheme}://${registry}/${name}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

/** The same repository at another tag. */
export function withTag(reference: Reference, tag: string): Reference {
  return { ...reference, tag, digest: undefined };
}

/** What skopeo calls the same thing: `docker://registry/name:tag`. */
export function skopeoName(reference: Reference): string {
  const { registry, name, tag, digest } = reference;
  // skopeo takes a tag or a digest, not both.
  return `docker://${registry}/${name}${digest ? `@${digest}` : `:${tag ?? "latest"}`}`;
}
