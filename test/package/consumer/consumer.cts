// A user's program in CommonJS, compiled and run against the package, never against the sources.
import assert = require("node:assert/strict");
import path = require("node:path");
import popwright = require("popwright");
import fetching = require("popwright/fetch");
import Pop3Command = require("popwright/node-pop3");
import oauth2 = require("popwright/oauth2");
import parse = require("popwright/parse");
import postgres = require("popwright/postgres");
import bullmq = require("popwright/bullmq");
import redis = require("popwright/redis");
import sqlite = require("popwright/sqlite");
import testing = require("popwright/testing");

const message = "Subject: =?iso-8859-1?Q?gr=FC=DFe?=\r\n\r\n.Hello.\r\n";

async function main(): Promise<void> {
  await using server = await testing.Pop3Server.listen({
    users: { ann: { pass: "secret", messages: [message] } },
    tls: true,
  });
  const options: popwright.Pop3ClientOptions = {
    host: server.host,
    port: server.port,
    tls: { ca: server.ca },
    auth: { user: "ann", pass: "secret" },
  };

  const refusing = fetching.fetchMail(options, {
    ledger: new fetching.MemoryLedger(),
    destination: () => Promise.reject(new fetching.DestinationError("not now", { down: true })),
  });
  await assert.rejects(
    refusing,
    (error) =>
      error instanceof fetching.FetchError && error instanceof popwright.Pop3Error && error.temporary,
  );
  await server.idle();

  await using client = await popwright.Pop3Client.connect(options);
  const octets: Buffer = await client.retr(1);
  assert.equal(octets.toString(), message);

  const parsed: parse.ParsedMessage = await parse.parseMessage(octets);
  assert.equal(parsed.subject, "grüße");

  // What one entry says of an interface, another one keeps.
  for (const { run } of testing.ledgerContract(() => new fetching.MemoryLedger())) await run();

  // A client of ioredis, or anything like it, is passed in.
  const away = { call: () => Promise.reject(new Error("away")) };
  await assert.rejects(new redis.RedisLedger(away).open("x"), popwright.Pop3Error);
  await assert.rejects(new bullmq.Fleet({ redis: away }).add("x"));

  const nowhere = { query: away.call, connect: away.call };
  await assert.rejects(new postgres.PostgresStore(nowhere).open("x"), popwright.Pop3Error);

  // Without node:sqlite it says so, and with it there is no such directory.
  assert.throws(() => new sqlite.SqliteStore("missing/mail.db"), popwright.Pop3Error);

  assert.equal(popwright.Pop3Error.name, "Pop3Error");
  // Whichever build the others load, an error is recognised, by a class that entries of one build share.
  const esm = await import("popwright");
  await assert.rejects(
    client.retr(2),
    (error) => esm.Pop3Error.is(error) && error instanceof popwright.Pop3Error,
  );
  await assert.rejects(testing.Pop3Server.listen({ chunk: 0 }), popwright.Pop3Error);
  await client.quit();

  // As with node-pop3, `require` returns the class.
  const pop3 = new Pop3Command({
    host: server.host,
    port: server.port,
    tls: true,
    tlsOptions: { ca: server.ca },
    user: "ann",
    password: "secret",
  });
  const rows: string[][] = await pop3.LIST();
  assert.equal(rows.length, 1);
  assert.equal(await pop3.RETR(1), message);
  await pop3.QUIT();

  const token: oauth2.AccessTokenSource = oauth2.clientCredentials({
    tokenUrl: "http://127.0.0.1:1/token",
    clientId: "client",
    clientSecret: "secret",
    scope: "mail",
  });
  await assert.rejects(
    token(),
    (error) => esm.Pop3Error.is(error) && error instanceof oauth2.OAuth2Error && error.temporary,
  );

  const { version } = require("popwright/package.json") as { version: string };
  assert.equal(typeof version, "string");
  console.log(`all is well with ${path.basename(require.resolve("popwright"))}`);
}

void main();
