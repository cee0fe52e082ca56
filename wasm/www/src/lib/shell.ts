/** Commands for people to copy. */

/**
 * A word as a shell reads it back unchanged: names come from strangers, and what is copied is
 * pasted into a terminal. Ends of lines, which a terminal would act on, become spaces.
 */
export function quote(word: string): string {
  const line = word.replace(/[\u0000-\u001f\u007f]+/g, " ");
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(line) && !line.startsWith("-")
    ? line
    : `'${line.replaceAll("'", `'\\''`)}'`;
}

/** A command from its words; the first ones are ours. */
export function command(own: string, ...words: string[]): string {
  return [own, ...words.map(quote)].join(" ");
}

/** A `.repo` file for dnf with its plugin. The id is made of the name of the repository. */
export function repoFile(reference: string, name: string, signed: boolean): string {
  const id = name.replace(/[^a-z0-9._-]+/gi, "-").replace(/^-+/, "") || "repository";
  return [
    `[${id}]`,
    `name=${name.replace(/[\u0000-\u001f\u007f]+/g, " ")}`,
    `baseurl=${reference.replace(/[\u0000-\u0020\u007f]+/g, "")}`,
    "gpgcheck=1",
    ...(signed ? ["repo_gpgcheck=1"] : []),
    "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-of-the-publisher",
  ].join("\n");
}
