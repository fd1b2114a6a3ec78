// Creates a directory for a test, and removes it after the test.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

const made: string[] = [];
afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

export async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "popwright-cli-"));
  made.push(path);
  return path;
}
