// A directory for one test, which is removed after it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Tests that run at the same time have to say which of them it is: `finished` is `onTestFinished` of their context. */
export async function scratch(finished: typeof onTestFinished = onTestFinished): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "popwright-ledger-"));
  finished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
