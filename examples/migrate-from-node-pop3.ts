// A program of node-pop3 with one line changed: the import. Then a step further, call by call.
//
// POP3_HOST, POP3_PORT, POP3_USER, POP3_PASS
import Pop3Command from "popwright/node-pop3"; // was: from "node-pop3"
import { setting } from "./setting.ts";

const pop3 = new Pop3Command({
  user: setting("POP3_USER"),
  password: setting("POP3_PASS"),
  host: setting("POP3_HOST"),
  port: Number(setting("POP3_PORT", "995")),
  tls: true,
});

for (const [number = "", uid] of await pop3.UIDL()) {
  const text = await pop3.RETR(number);
  console.log(uid, text.length);
}

// A step further: the client of popwright. One round trip for all messages, and bytes in place of strings.
const client = await pop3.client();
for await (const message of client.retrieve()) console.log(message.uid, (await message.buffer()).length);

await pop3.QUIT();
