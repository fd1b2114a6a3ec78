// Deletes messages by their unique-ids, which stay the same in every session: `delete-by-uid.ts ID ...`. Prints their
// subjects, and saves nothing: save-then-delete.ts does.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { Pop3Client } from "popwright";
import { parseHeaders } from "popwright/parse";
import { setting } from "./setting.ts";

const wanted = process.argv.slice(2);

const deleted = await Pop3Client.use(setting("POP3_URL"), async (client) => {
  const subjects = new Map<string | undefined, string>();
  // Finds the messages with UIDL, and retrieves only their headers. Unique-ids that the server does not list are skipped.
  for await (const message of client.retrieve({ uids: wanted, top: 0 })) {
    const headers = await parseHeaders(await message.buffer());
    await message.dele();
    subjects.set(message.uid, headers.get("subject") ?? "(no subject)");
  }
  return subjects;
});
// Only now: the messages are deleted when the server has confirmed QUIT.
for (const uid of wanted)
  console.log(uid, deleted.has(uid) ? `deleted: ${deleted.get(uid)}` : "not on the server");
