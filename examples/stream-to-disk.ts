// Writes one message of any size to a file, and shows how far it is: `stream-to-disk.ts NUMBER FILE`. The file gets its
// name only when it is complete.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
// SECONDS    how long the message may take; default: 3600
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { Pop3Client } from "popwright";
import { setting } from "./setting.ts";

const [, , number = "1", file = "message.eml"] = process.argv;

await Pop3Client.use(setting("POP3_URL"), async (client) => {
  const size = await client.list(Number(number));
  let received = 0;
  let shown = -1;
  const part = `${file}.part`;
  const signal = AbortSignal.timeout(Number(setting("SECONDS", "3600")) * 1000);
  try {
    await pipeline(
      client.retrStream(Number(number), { signal }),
      async function* (octets: AsyncIterable<Buffer>) {
        for await (const chunk of octets) {
          received += chunk.length;
          const percent = Math.min(100, Math.floor((100 * received) / size));
          if (percent > shown) process.stderr.write(`\r${(shown = percent)} % of ${size} bytes`);
          yield chunk;
        }
      },
      createWriteStream(part),
    );
    await rename(part, file);
  } catch (error) {
    client.close(); // `use` does not wait for the rest of the message
    await rm(part, { force: true });
    throw error;
  }
  console.log(`${file}: ${received} bytes`);
});
