// Saves one message byte for byte, then deletes it by its unique-id: `save-then-delete.ts ID FOLDER`. No crash and no
// power failure loses it: it is deleted when the file and its name are on the disk, and not before. EmlFolder of
// popwright/fetch does the same for all new mail; this program is for a message that you choose.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { Pop3Client } from "popwright";
import { setting } from "./setting.ts";

const [, , uid, folder = "."] = process.argv;
if (uid === undefined) throw new Error("usage: save-then-delete.ts ID FOLDER (see popwright list --uids)");

/** Writes what the system still has in memory to the disk. */
async function sync(path: string, flags: "r" | "r+"): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Returns the name of the file when it is sure to survive a crash. */
async function save(octets: Buffer): Promise<string> {
  // A name that depends on the content alone: a second run writes the same file again, and never another one.
  const file = join(folder, `${createHash("sha256").update(octets).digest("hex")}.eml`);
  const part = `${file}.part`;
  const handle = await open(part, "w", 0o600);
  try {
    await handle.writeFile(octets);
    await handle.sync(); // the content
  } finally {
    await handle.close();
  }
  await rename(part, file); // at once: the name never belongs to a part of the message
  // The name, which is in the directory. Windows cannot sync a directory, but writes the name with the file.
  await (process.platform === "win32" ? sync(file, "r+") : sync(folder, "r"));
  return file;
}

const file = await Pop3Client.use(setting("POP3_URL"), async (client) => {
  for await (const message of client.retrieve({ uids: [uid] })) {
    const saved = await save(await message.buffer());
    await message.dele(); // marks it; the QUIT at the end of `use` deletes it
    return saved;
  }
  return undefined;
});
console.log(file === undefined ? `${uid} is not on the server` : `${uid} deleted, saved as ${file}`);
