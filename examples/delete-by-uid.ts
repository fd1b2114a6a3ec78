// Deletes messages by their unique-ids, which stay the same in every session: `delete-by-uid.ts ID ...`.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { Pop3Client } from "popwright";
import { setting } from "./setting.ts";

const wanted = new Set(process.argv.slice(2));

const deleted = await Pop3Client.use(setting("POP3_URL"), async (client) => {
  // Message numbers are valid only in this session.
  const found = [...(await client.uidl())].filter(([, uid]) => wanted.has(uid));
  await client.dele(found.map(([number]) => number));
  return found.map(([, uid]) => uid);
});
// Only now: the messages are deleted when the server has confirmed QUIT.
for (const uid of wanted) console.log(uid, deleted.includes(uid) ? "deleted" : "not on the server");
