// A directory for one test, which is removed after it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "popwright-ledger-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
