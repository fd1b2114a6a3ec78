// Saves all attachments of a mailbox to a folder, and deletes nothing: `attachments.ts FOLDER`. A second run writes the same
// files again.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Pop3Client } from "popwright";
import { parseMessage } from "popwright/parse";
import { setting } from "./setting.ts";

const folder = process.argv[2] ?? "attachments";
await mkdir(folder, { recursive: true });

/** A sender can write `../../.bashrc` as the name of a file: only letters, digits and a few other characters stay. */
function safeName(filename = "unnamed"): string {
  return (
    filename
      .replaceAll(/[^\p{L}\p{N} ._-]+/gu, "_")
      .replace(/^\.+/, "")
      .slice(-100) || "unnamed"
  );
}

await Pop3Client.use(setting("POP3_URL"), async (client) => {
  for await (const message of client.retrieve()) {
    const octets = await message.buffer();
    // The same in each run, which a message number is not.
    const id = createHash("sha256").update(octets).digest("hex").slice(0, 16);
    const { attachments } = await parseMessage(octets);
    for (const [index, { filename, content }] of attachments.entries()) {
      // Two attachments with one name get two files.
      const name = `${id}-${index + 1}-${safeName(filename)}`;
      await writeFile(join(folder, name), content);
      console.log(name, content.length);
    }
  }
});
