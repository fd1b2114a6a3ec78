// Delivers one message into an mbox, and stops itself (SIGSTOP) when a part of it is appended:
// node stop-in-append.mjs PATH NAME. It prints the result after it was continued.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { Mbox } from "../../dist/fetch.js";

const [path, name] = process.argv.slice(2);
const probe = await open(import.meta.filename);
const prototype = Object.getPrototypeOf(probe);
await probe.close();
const { appendFile } = prototype;
let pieces = 0;
prototype.appendFile = async function (...args) {
  // Between the confirmation of the lock and the write: the worst moment.
  if (++pieces === 3) process.kill(process.pid, "SIGSTOP");
  return appendFile.apply(this, args);
};

const key = createHash("sha256").update(name).digest("hex");
const delivery = { key, mailbox: "ann", uid: name, size: undefined, headersOnly: false };
try {
  const writer = await new Mbox(path).begin(delivery);
  await writer.write(Buffer.from(`Subject: ${name}\r\n\r\n${`${name}\r\n`.repeat(200_000)}`));
  console.log(await writer.commit());
} catch ({ code, message }) {
  console.log(`${code}: ${message}`);
}
