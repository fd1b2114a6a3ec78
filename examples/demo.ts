// Shows what popwright does, against a test server in this process: npm run demo
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { EmlFolder, fetchMail, FetchError, FileLedger } from "popwright/fetch";
import { parseHeaders } from "popwright/parse";
import { Pop3Server, type Pop3ServerOptions } from "popwright/testing";
import { demoMailbox } from "./demo-mailbox.ts";

const FOLDER = "demo-mail";
/** The response to the sixth RETR ends after this number of bytes. */
const CUT = { on: "RETR", nth: 6, cut: 60 };
const MANY = 200;
const ONE_BY_ONE = 20;
const LATENCY = 50;

const sent = demoMailbox();
/** What must arrive. POP3 adds a CRLF to a last line that has none. */
const expected = sent.map((source) =>
  sha256(
    source.subarray(-2).equals(Buffer.from("\r\n")) ? source : Buffer.concat([source, Buffer.from("\r\n")]),
  ),
);
let lost = 0;

console.log(`A POP3 server starts in this process, at 127.0.0.1, with TLS and a certificate of
its own. It needs no account and no network.
`);
await awkwardMail();
await cutConnection();
await manyMessages();
console.log(
  lost === 0
    ? `Nothing was lost or damaged. Now try your own mailbox:

  npx popwright check pop3s://USER@HOST            what works, and what does not
  npx popwright list pop3s://USER@HOST             date, sender, subject
  npx popwright fetch pop3s://USER@HOST --to Mail  new mail, each message once

or write a program: README.md has the first ten lines.`
    : `${lost} messages are lost or damaged.`,
);
if (lost > 0) process.exitCode = 1;

/** Downloads the mailbox as streams into a folder, and compares every byte. */
async function awkwardMail(): Promise<void> {
  console.log(`1. ${sent.length} messages that mail programs are known to damage: Latin-1 and UTF-8,
   lines that begin with dots, all 256 byte values, a line of a million bytes, a
   missing last line end, 20 MB. "equal": what arrived has the SHA-256 of what
   the server was given.
`);
  await using server = await serverWith(sent);
  await using client = await Pop3Client.connect(accountAt(server));
  const { size } = await client.stat();
  await mkdir(FOLDER, { recursive: true });
  const rows: string[][] = [["no.", "bytes", "arrived", "subject", "file"]];
  const began = performance.now();
  let received = 0;
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
          bar(received, size);
          yield chunk;
        }
      },
      createWriteStream(file),
    );
    const same = hash.digest("hex") === expected[message.number - 1];
    if (!same) lost++;
    const subject = (await parseHeaders(head)).get("subject") ?? "";
    rows.push([String(message.number), String(octets), same ? "equal" : "DIFFERS", subject, file]);
  }
  lost += sent.length - (rows.length - 1);
  const seconds = (performance.now() - began) / 1000;
  await client.quit();
  bar();
  console.log(table(rows));
  console.log(
    `\n   ${rows.length - 1} messages, ${(received / 1e6).toFixed(1)} MB in ${seconds.toFixed(2)} s over ${client.tlsInfo?.protocol ?? "no TLS"}\n`,
  );
}

/** Fetches the mailbox into files, while the connection is cut in the middle of a message. */
async function cutConnection(): Promise<void> {
  console.log("2. The same mailbox into files. The connection is cut within the sixth message.\n");
  const directory = await mkdtemp(join(tmpdir(), "popwright-demo-"));
  try {
    // It throws at the end if the connection was not cut.
    await using server = await serverWith(sent, { faults: [CUT] });
    const mail = join(directory, "mail");
    const setup = { ledger: new FileLedger(join(directory, "ledger")), destination: new EmlFolder(mail) };
    // A run connects again by itself. If it gives up, the next run retrieves the rest.
    await fetchMail(accountAt(server), {
      ...setup,
      onEvent: (event) => {
        if (event.type === "delivered") bar(event.number, sent.length);
      },
    }).catch((error: unknown) => {
      if (!FetchError.is(error)) throw error;
    });
    await fetchMail(accountAt(server), { ...setup, force: true });
    bar();
    const files = await readdir(mail);
    const arrived = await Promise.all(files.map(async (name) => sha256(await readFile(join(mail, name)))));
    const whole = expected.filter((hash) => arrived.filter((each) => each === hash).length === 1).length;
    lost += expected.length - whole;
    console.log(`   popwright connected again and continued. ${whole} of ${expected.length} messages are there,
   each once and complete.
`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Retrieves many messages over a long distance, one at a time and together. */
async function manyMessages(): Promise<void> {
  console.log(`3. ${MANY} messages from a server that is ${LATENCY} ms away.\n`);
  const small = Array.from({ length: MANY }, (_, index) =>
    Buffer.from(`Subject: ${index}\r\n\r\n${index}\r\n`),
  );
  await using server = await serverWith(small, { latency: LATENCY });
  await using client = await Pop3Client.connect(accountAt(server));
  const one = await seconds(async () => {
    for (let number = 1; number <= ONE_BY_ONE; number++) {
      check(await client.retr(number), number);
      bar(number, ONE_BY_ONE);
    }
  });
  const all = (one * MANY) / ONE_BY_ONE;
  let count = 0;
  const together = await seconds(async () => {
    for await (const message of client.retrieve()) {
      check(await message.buffer(), message.number);
      bar(++count, MANY);
    }
  });
  lost += MANY - count;
  bar();
  await client.quit();
  console.log(
    `   one at a time   ${all.toFixed(2)} s (${ONE_BY_ONE} took ${one.toFixed(2)} s): a round trip for each message`,
  );
  console.log(`   popwright       ${together.toFixed(2)} s: many requests in one round trip\n`);

  function check(octets: Buffer, number: number): void {
    if (!octets.equals(small[number - 1] as Buffer)) lost++;
  }
}

function serverWith(messages: readonly Buffer[], more: Pop3ServerOptions = {}): Promise<Pop3Server> {
  return Pop3Server.listen({ users: { ann: { pass: "secret", messages } }, tls: true, ...more });
}

function accountAt(server: Pop3Server): Pop3ClientOptions {
  return {
    host: server.host,
    port: server.port,
    tls: { ca: server.ca },
    auth: { user: "ann", pass: "secret" },
  };
}

function sha256(octets: Buffer): string {
  return createHash("sha256").update(octets).digest("hex");
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** Draws a progress bar, only on a terminal. Without arguments it removes the bar. */
function bar(done?: number, total?: number): void {
  if (!process.stderr.isTTY) return;
  if (done === undefined || total === undefined) {
    process.stderr.write("\r\x1b[K");
    return;
  }
  const share = Math.min(done / total, 1);
  const filled = "█".repeat(Math.round(share * 30)).padEnd(30, "░");
  process.stderr.write(`\r   ${filled} ${(share * 100).toFixed(0).padStart(3)} %`);
}

function table(lines: string[][]): string {
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      `   ${line
        .map((cell, column) =>
          column < 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")}`.trimEnd(),
    )
    .join("\n");
}
