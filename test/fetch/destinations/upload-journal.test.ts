// The journal of a GmailImport: what the files of earlier runs say of an upload.
import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UploadJournal } from "../../../src/fetch/destinations/gmail/upload-journal.ts";
import { textOf, type UploadLine } from "../../../src/fetch/destinations/gmail/upload-lines.ts";
import { scratch } from "../../support/scratch.ts";

const NAME = "ann to ann@gmail.com";
const PREFIX = createHash("sha256").update(NAME).digest("hex").slice(0, 32);
const BEGUN = { url: "https://example.com/upload", size: 1, digest: "ab" };
const line = (upload: UploadLine["upload"]): UploadLine => ({ key: "a", at: Date.now(), upload });

/** A file of a run, as it is left after a crash. */
function leave(directory: string, fence: number, upload: UploadLine["upload"]): Promise<void> {
  const name = `${PREFIX}-${String(fence)}-0123abcd.uploads`;
  return writeFile(join(directory, name), textOf(line(upload)), { mode: 0o600 });
}

test.each<[string, UploadLine["upload"], UploadLine["upload"], UploadLine["upload"]]>([
  ["begun again after a refusal", undefined, BEGUN, BEGUN],
  ["accepted after a refusal", undefined, "accepted", "accepted"],
  ["refused after it was begun", BEGUN, undefined, undefined],
  ["begun, although it was accepted before", "accepted", BEGUN, "accepted"],
])("an upload that the later run has %s", async (_, earlier, later, expected) => {
  // A directory lists its files in any order: by their names, by the order of their creation, or the reverse of it.
  for (const order of [
    [9, 10],
    [10, 9],
  ]) {
    const directory = await scratch();
    for (const fence of order) await leave(directory, fence, fence === 9 ? earlier : later);
    const journal = await UploadJournal.open(directory, NAME, 11n);
    expect(journal.get("a")).toEqual(expected);
    expect(await readdir(directory)).toHaveLength(1);
  }
});
