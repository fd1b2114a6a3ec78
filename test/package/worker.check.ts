// The example of a worker thread that parses mail, as a program that a user runs.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const EXAMPLE = new URL("examples/parse-in-worker.mjs", ROOT).href;

let directory: string | undefined;

async function file(name: string, content: string): Promise<string> {
  directory ??= await mkdtemp(join(tmpdir(), "parse-in-worker-"));
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

afterEach(async () => {
  if (directory !== undefined) await rm(directory, { recursive: true });
  directory = undefined;
});

describe("examples/parse-in-worker.mjs", () => {
  it("prints what is in the files", async () => {
    const first = await file("a.eml", "Subject: =?utf-8?Q?=C3=A9?=\r\n\r\ntext\r\n");
    const second = await file("b.eml", "Subject: b\r\nContent-Type: a/b; name=c.txt\r\n\r\nxyz");
    const args = ["examples/parse-in-worker.mjs", first, second];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    expect(stdout).toBe(`${first} é []\n${second} b [ { filename: 'c.txt', size: 3 } ]\n`);
  });

  it("answers in order, hands on errors, and rejects what waits when it is closed", async () => {
    const script = await file(
      "use.mjs",
      `
      const { MailWorker } = await import(${JSON.stringify(EXAMPLE)});
      const worker = new MailWorker();
      const messages = ["Subject: 1\\r\\n\\r\\n", "Subject: " + "x".repeat(300000) + "\\r\\n\\r\\n", "Subject: 3\\r\\n\\r\\n"];
      const settled = await Promise.allSettled(messages.map((text) => worker.parse(Buffer.from(text))));
      const waiting = worker.parse(Buffer.from("Subject: 4\\r\\n\\r\\n"));
      const [, late] = await Promise.all([worker.close(), Promise.allSettled([waiting])]);
      console.log(JSON.stringify([...settled, ...late].map(({ value, reason }) => value?.subject ?? reason.message)));
    `,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: ROOT });
    expect(JSON.parse(stdout)).toEqual([
      "1",
      "the header section is larger than maxHeaderSize (262144 bytes)",
      "3",
      "the worker has ended",
    ]);
  });
});
