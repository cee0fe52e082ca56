// One line a failed test with what went wrong, and the sum as Rust's runner prints it.
export default async function* reporter(events) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    // The runner reports each file as one more test around those in it.
    const own = data?.name !== undefined && !data.name.endsWith(".mjs");
    if (type === "test:pass" && own) {
      if (data.skip !== undefined || data.todo !== undefined) sum.skipped += 1;
      else sum.passed += 1;
    } else if (type === "test:fail") {
      sum.failed += 1;
      yield `FAILED ${data.name}\n${data.details?.error?.cause?.stack ?? data.details?.error}\n`;
    } else if (type === "test:stdout" || type === "test:stderr") {
      yield data.message;
    }
  }
  const { passed, failed, skipped } = sum;
  yield `test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; ${skipped} ignored\n`;
}
