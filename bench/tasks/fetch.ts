// Fetches a mailbox into a Maildir, and counts how often files and directories are synced.
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOST, PASS } from "../contenders/contender.ts";
import type { FetchJob, Outcome } from "../job.ts";

export async function runFetch({ target }: FetchJob): Promise<Outcome> {
  // The other jobs are measured without it.
  const { fetchMail, FileLedger, Maildir } = await import("popwright/fetch");
  const directory = await mkdtemp(join(tmpdir(), "popwright-syncs-"));
  try {
    const syncs = await countSyncs(join(directory, "any"));
    const auth = { user: target.mailbox, pass: PASS };
    const { delivered } = await fetchMail(
      { host: HOST, port: target.port, secure: false, stls: "never", allowPlaintextAuth: true, auth },
      { ledger: new FileLedger(join(directory, "state")), destination: new Maildir(join(directory, "Mail")) },
    );
    return { delivered, syncs: syncs() };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Counts from now on how often something is synced. `path`: a file to create. Returns the count. */
async function countSyncs(path: string): Promise<() => number> {
  let count = 0;
  await using file = await open(path, "w");
  const prototype = Object.getPrototypeOf(file) as typeof file;
  for (const name of ["sync", "datasync"] as const) {
    const sync: unknown = Reflect.get(prototype, name);
    prototype[name] = function (this: typeof file) {
      count++;
      return (sync as () => Promise<void>).call(this);
    };
  }
  return () => count;
}
