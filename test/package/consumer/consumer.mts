// A user's program in ESM, compiled and run against the package, never against the sources.
import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Pop3Client, Pop3Error, Pop3ReplyError, type Pop3ClientOptions } from "popwright";
import { fetchMail, MemoryLedger, type FetchReport } from "popwright/fetch";
import Pop3Command, { type NodePop3Options } from "popwright/node-pop3";
import { OAuth2Error, refreshedToken, type AccessTokenSource } from "popwright/oauth2";
import { parseMessage, type ParsedMessage } from "popwright/parse";
import { PostgresStore } from "popwright/postgres";
import { Fleet, type FetchWorkerOptions } from "popwright/bullmq";
import { RedisLedger } from "popwright/redis";
import { SqliteStore } from "popwright/sqlite";
import { ledgerContract, Pop3Server } from "popwright/testing";

const text = "Subject: =?iso-8859-1?Q?gr=FC=DFe?=\r\n\r\n.Hello.\r\n";

await using server = await Pop3Server.listen({
  users: { ann: { pass: "secret", messages: [text] } },
  tls: true,
});
const options: Pop3ClientOptions = {
  host: server.host,
  port: server.port,
  tls: { ca: server.ca },
  auth: { user: "ann", pass: "secret" },
};

const fetched: Buffer[] = [];
const report: FetchReport = await fetchMail(options, {
  ledger: new MemoryLedger(),
  destination: ({ octets }) => void fetched.push(octets),
});
equal(report.delivered, 1);
equal(String(fetched), text);
await server.idle();

await using client = await Pop3Client.connect(options);
deepEqual(await client.stat(), { count: 1, size: text.length });
for await (const message of client.retrieve()) equal((await message.buffer()).toString(), text);
const octets: Buffer = await client.retr(1);
equal(octets.toString(), text);

const parsed: ParsedMessage = await parseMessage(octets);
equal(parsed.subject, "grüße");
equal(parsed.text, ".Hello.\n");

// What one entry says of an interface, another one keeps.
for (const { run } of ledgerContract(() => new MemoryLedger())) await run();

// A client of ioredis, or anything like it, is passed in.
await rejects(new RedisLedger({ call: () => Promise.reject(new Error("away")) }).open("x"), Pop3Error);

const away = (): Promise<never> => Promise.reject(new Error("away"));
await rejects(new PostgresStore({ query: away, connect: away }).open("x"), Pop3Error);

// Without bullmq it says what to install; with it, there is no Redis.
const asked: FetchWorkerOptions["account"] = () => undefined;
equal(asked("x", AbortSignal.abort()), undefined);
await rejects(new Fleet({ redis: { call: () => Promise.reject(new Error("away")) } }).add("x"));

// Without node:sqlite it says so, and with it there is no such directory.
throws(() => new SqliteStore("missing/mail.db"), Pop3Error);

equal(Pop3Error.name, "Pop3Error");
await rejects(client.retr(2), (error) => error instanceof Pop3ReplyError && Pop3Error.is(error));
await client.dele(1);
await client.quit();
equal(server.maildrop("ann").messages.length, 0);

const old: NodePop3Options = {
  host: server.host,
  port: server.port,
  tls: true,
  tlsOptions: { ca: server.ca },
};
const pop3 = new Pop3Command({ ...old, user: "ann", password: "secret" });
deepEqual(await pop3.UIDL(), []);
await pop3.QUIT();

const token: AccessTokenSource = refreshedToken({
  tokenUrl: "http://127.0.0.1:1/token",
  clientId: "client",
  refreshToken: "secret",
  onToken: () => undefined,
});
await rejects(token(), (error) => OAuth2Error.is(error) && error instanceof Pop3Error && error.temporary);

const { version } = createRequire(import.meta.url)("popwright/package.json") as { version: string };
equal(typeof version, "string");
console.log(`all is well with ${basename(fileURLToPath(import.meta.resolve("popwright")))}`);
