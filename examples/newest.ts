// Prints sender and subject of the newest messages, oldest of them first: `newest.ts 10`. Retrieves only their headers, and
// deletes nothing.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { Pop3Client } from "popwright";
import { parseHeaders } from "popwright/parse";
import { setting } from "./setting.ts";

const count = Number(process.argv[2] ?? 10);

await Pop3Client.use(setting("POP3_URL"), async (client) => {
  for await (const message of client.retrieve({ newest: count, top: 0 })) {
    const headers = await parseHeaders(await message.buffer());
    console.log(`${headers.get("from") ?? "(no sender)"}: ${headers.get("subject") ?? "(no subject)"}`);
  }
});
