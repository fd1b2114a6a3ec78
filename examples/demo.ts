// Downloads a whole mailbox over TLS from the test server into the folder demo-mail/: npm run demo
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Pop3Client } from "popwright";
import { parseHeaders } from "popwright/parse";
import { Pop3Server } from "popwright/testing";
import { demoMailbox } from "./demo-mailbox.ts";

const FOLDER = "demo-mail";
const sha256 = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");

const sent = demoMailbox();
// In a loop, put `await using` into a function of its own: esbuild 0.28 (tsx) keeps the error of an earlier iteration.
await using server = await Pop3Server.listen({
  users: { ann: { pass: "secret", messages: sent } },
  tls: true,
});
await using client = await Pop3Client.connect({
  host: server.host,
  port: server.port,
  tls: { ca: server.ca },
  auth: { user: "ann", pass: "secret" },
});
const { count, size } = await client.stat();
console.log(
  `${server.url}: ${count} messages, ${(size / 1e6).toFixed(1)} MB, ${client.tlsInfo?.protocol ?? "no TLS"}\n`,
);

await mkdir(FOLDER, { recursive: true });
const rows: string[][] = [["no.", "bytes", "sha256", "subject", "file"]];
const began = performance.now();
let received = 0;
let damaged = 0;

for await (const message of client.retrieve()) {
  // The server chooses the unique-id: its hash is a safe file name, and the same in every run.
  const file = join(FOLDER, `${sha256(Buffer.from(message.uid ?? "")).slice(0, 12)}.eml`);
  const hash = createHash("sha256");
  let head = Buffer.alloc(0);
  let octets = 0;
  await pipeline(
    message,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        octets += chunk.length;
        received += chunk.length;
        if (head.length < 4096) head = Buffer.concat([head, chunk]).subarray(0, 4096);
        progress(received, size);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  const source = sent[message.number - 1] as Buffer;
  // POP3 adds a CRLF to a last line that has none.
  const expected = sha256(
    source.subarray(-2).equals(Buffer.from("\r\n")) ? source : Buffer.concat([source, Buffer.from("\r\n")]),
  );
  const same = hash.digest("hex") === expected;
  if (!same) damaged++;
  const subject = (await parseHeaders(head)).get("subject") ?? "";
  rows.push([String(message.number), String(octets), same ? "equal" : "DIFFERS", subject, file]);
}

const seconds = (performance.now() - began) / 1000;
await client.quit();
progress();
console.log(table(rows));
console.log(
  `\n${rows.length - 1} messages, ${(received / 1e6).toFixed(1)} MB in ${seconds.toFixed(2)} s, ${damaged} damaged; nothing was deleted.`,
);
if (damaged > 0) process.exitCode = 1;

/** Draws a progress bar, only on a terminal. Without arguments it removes the bar. */
function progress(done?: number, total?: number): void {
  if (!process.stderr.isTTY) return;
  if (done === undefined || total === undefined) {
    process.stderr.write("\r\x1b[K");
    return;
  }
  const share = Math.min(done / total, 1);
  const bar = "█".repeat(Math.round(share * 30)).padEnd(30, "░");
  process.stderr.write(`\r${bar} ${(share * 100).toFixed(0).padStart(3)} %`);
}

function table(lines: string[][]): string {
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column < 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
