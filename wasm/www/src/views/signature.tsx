import { useState } from "preact/hooks";
import { Await, useCall } from "../page/call.tsx";
import { Digest, Text } from "../page/parts.tsx";
import { verdicts, worker } from "../page/state.ts";
import type { SignatureState } from "../protocol.ts";

/** The signature of repomd.xml: checked when a person wants it, with their key or the repository's. */
export function Signature({ reference, signed }: { reference: string; signed: boolean }) {
  const [keys, setKeys] = useState<{ count: number; keys: Uint8Array[] | undefined }>();
  const call = useCall(keys ? `${reference}\n${keys.count}` : "", (watch) =>
    worker.client.call("signature", [reference, keys?.keys], watch).then((state) => {
      verdicts.value = new Map(verdicts.value).set(reference, state);
      return state;
    }),
  );
  const check = (given: Uint8Array[] | undefined): void =>
    setKeys((before) => ({ count: (before?.count ?? 0) + 1, keys: given }));
  const take = async (files: FileList | null): Promise<void> => {
    if (!files?.length) return;
    check(await Promise.all([...files].map(async (file) => new Uint8Array(await file.arrayBuffer()))));
  };
  return (
    <div class="signature">
      <h2>Signature</h2>
      {signed ? (
        <>
          <p>
            <code>repomd.xml</code> has a signature. Whether it counts depends on whose key you trust.
          </p>
          <div class="row">
            <label class="button">
              Check with a key file
              <input
                class="unseen"
                type="file"
                multiple
                onChange={(event) => void take(event.currentTarget.files)}
              />
            </label>
            <button type="button" onClick={() => check(undefined)}>
              Check with the repository's own key
            </button>
          </div>
        </>
      ) : (
        <p>
          <code>repomd.xml</code> has no signature. Its content is what the registry says, and nobody vouches for it.
        </p>
      )}
      {keys && (
        <Await call={call} what="Checking the signature">
          {(state) => <Verdict state={state} />}
        </Await>
      )}
    </div>
  );
}

const SENTENCES: Record<SignatureState["state"], string> = {
  unsigned: "There is no signature.",
  good: "The signature is good.",
  bad: "The signature does not count.",
  unchecked: "There is no key to check it by: choose the publisher's key file.",
};

function Verdict({ state }: { state: SignatureState }) {
  const own = state.keys.some(({ source }) => source === "repository");
  return (
    <div class={`verdict ${state.state}`} role="status">
      <p>
        <strong>{SENTENCES[state.state]}</strong>
        {state.state === "good" && own && (
          <> The key is the repository's own: this proves that nothing is damaged, not who published it.</>
        )}
      </p>
      <ul>
        {state.signatures.map((signature, i) => (
          <li key={i}>
            {signature.good ? "Good" : "Not good"}
            {signature.userId && (
              <>
                , by <Text>{signature.userId}</Text>
              </>
            )}
            {signature.reason && (
              <>
                : <Text>{signature.reason}</Text>
              </>
            )}{" "}
            {(signature.fingerprint ?? signature.issuer) && (
              <Digest>{(signature.fingerprint ?? signature.issuer) as string}</Digest>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
