// Delivers one message into an mbox as another user: node deliver-as.mjs UID PATH NAME. It starts as root, so
// that it can read the package in every directory, and prints the result.
import { createHash } from "node:crypto";
import { Mbox } from "../../dist/fetch.js";

const [uid, path, name] = process.argv.slice(2);
process.setgroups([Number(uid)]);
process.setgid(Number(uid));
process.setuid(Number(uid));

const key = createHash("sha256").update(name).digest("hex");
const delivery = { key, mailbox: "ann", uid: name, size: undefined, headersOnly: false };
try {
  const writer = await new Mbox(path, { lockTimeout: 0 }).begin(delivery);
  if (writer !== "known") await writer.write(Buffer.from(`Subject: ${name}\r\n\r\n${name}\r\n`));
  console.log(writer === "known" ? writer : await writer.commit());
} catch ({ code, message }) {
  console.log(`${code}: ${message}`);
}
