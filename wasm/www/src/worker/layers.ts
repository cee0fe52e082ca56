/** What manifests say of packages, without reading the list of them. */

/** As much of a manifest as is needed. */
export interface Listing {
  layers: { digest: string; size: number; annotations?: Record<string, string> }[];
}

/**
 * How many packages the layers of manifests are, and their bytes; `undefined` when none is one
 * (a catalogue, an archive, no RPM repository). A package that is listed twice counts once.
 */
export function packagesOf(manifests: Listing[]): { packages: number; size: number } | undefined {
  const sizes = new Map<string, number>();
  for (const { layers } of manifests) {
    for (const { digest, size, annotations } of layers) {
      const title = annotations?.["org.opencontainers.image.title"] ?? "";
      if (title.endsWith(".rpm")) sizes.set(`${title}\n${digest}`, size);
    }
  }
  if (!sizes.size) return undefined;
  let size = 0;
  for (const one of sizes.values()) size += one;
  return { packages: sizes.size, size };
}
