// Saves all attachments of a mailbox to a folder, and deletes nothing: `attachments.ts FOLDER`.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
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
    const { attachments } = await parseMessage(await message.buffer());
    for (const [index, { filename, content }] of attachments.entries()) {
      // The numbers keep two attachments with one name apart. An existing file is not overwritten.
      const name = `${message.number}-${index + 1}-${safeName(filename)}`;
      await writeFile(join(folder, name), content, { flag: "wx" });
      console.log(name, content.length);
    }
  }
});
