// How sessions end: with and without QUIT, during connect(), and while idle.
import { once } from "node:events";
import type { LookupFunction } from "node:net";
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { listen, to } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import { turns } from "../support/turns.ts";
import { SECRET } from "../support/secret.ts";
import { Gate } from "../support/gate.ts";
import { maildropScript } from "../support/maildrop-script.ts";
import { endAs } from "../support/wire-ends.ts";
import type { Case, Row } from "./row.ts";
import { octets, session } from "./steps.ts";
import { MESSAGES } from "./stage.ts";

const users = { ann: { pass: SECRET, messages: MESSAGES } };
const auth = { user: "ann", pass: SECRET };
const quit: Case["calls"] = (client) => client.quit();

/** Marks messages 3 and 1, and commits. */
async function commit(client: Pop3Client): Promise<void> {
  await client.dele(3);
  await client.dele(1);
  await client.quit();
}
const MARKED = ["C: DELE 3", "S: +OK", "C: DELE 1", "S: +OK", "C: QUIT"] as const;

/** Waits for the end of the session, and calls once more. */
const idle: Case["calls"] = async (client, stage) => {
  const closed = once(client, "close");
  stage.goOn();
  const [failure] = (await closed) as [unknown];
  expect(client.state).toBe("closed");
  // What is called now fails at once, and by no clock.
  const call = client.uidl();
  expect(await Promise.race([codeOf(call), turns(5).then(() => "waits")])).toMatch(/^POP3_/);
  throw failure;
};

const SILENT =
  "there is no automatic keep-alive: the caller, who knows how long the session has to wait, sends `noop`";

/** A lookup that gives these addresses for any name. */
function addresses(...given: string[]): LookupFunction {
  return (_name, options, callback) => {
    const all = given.map((address) => ({ address, family: 4 }));
    if (options.all === true) callback(null, all);
    else callback(null, given[0] as string, 4);
  };
}

const unknownName: LookupFunction = (_name, _options, callback) => {
  callback(Object.assign(new Error("getaddrinfo ENOTFOUND mail.test"), { code: "ENOTFOUND" }), "", 4);
};

export const ENDINGS: readonly Row[] = [
  ...["* close", "* reset"].flatMap((end): Row[] => [
    {
      row: "3D.94",
      name: `QUIT is answered by ${end.slice(2)}: marked messages may be deleted or not`,
      server: session(...MARKED, end),
      calls: commit,
      fails: "POP3_COMMIT_UNKNOWN",
      error: { marked: [1, 3], command: "QUIT" },
    },
    {
      row: "3D.94",
      name: `QUIT is answered by ${end.slice(2)} with nothing marked: resolves`,
      server: session("C: QUIT", end),
      calls: quit,
    },
  ]),
  {
    row: "3D.95",
    name: "QUIT is refused: the error lists the marked messages",
    server: session(...MARKED, "S: -ERR some deleted messages not removed"),
    calls: commit,
    fails: "POP3_COMMIT_FAILED",
    error: { marked: [1, 3], text: "some deleted messages not removed" },
  },
  {
    row: "3D.96",
    name: "QUIT is not answered: it has a timeout of its own",
    server: session(...MARKED),
    elapses: 10_000,
    calls: commit,
    fails: "POP3_COMMIT_UNKNOWN",
    error: { cause: expect.objectContaining({ code: "POP3_COMMAND_TIMEOUT" }) as object },
  },
  {
    row: "3D.97",
    name: "QUIT is answered, and FIN never comes: the client closes",
    server: session("C: QUIT", "S: +OK bye"),
    calls: quit,
  },
  {
    row: "3D.98",
    name: "RST after DELE deletes nothing, and the next session lists every message",
    play: async () => {
      await using server = await listen({ users, faults: [{ on: "NOOP", reset: 0 }] });
      const options = to(server, { stls: "never", auth });
      const client = await Pop3Client.connect(options);
      const before = await client.uidl();
      await client.dele([1, 2, 3]);
      expect(await codeOf(client.noop())).toBe("POP3_RESET");
      await server.idle();
      const again = await Pop3Client.connect(options);
      expect(await again.uidl()).toEqual(before);
      await again.quit();
    },
  },
  {
    row: "3D.99",
    name: "the server closes an idle session without a reply",
    differs: SILENT,
    server: session("* wait", "* close"),
    calls: idle,
    fails: "POP3_CLOSED",
  },
  {
    row: "3D.100",
    name: "the server resets an idle session",
    server: session("* wait", "* reset"),
    calls: idle,
    fails: "POP3_RESET",
  },
  {
    row: "3D.100",
    name: "the server is gone without closing: the next command ends in a timeout",
    differs: SILENT,
    server: session("C: STAT"),
    elapses: 60_000,
    calls: (client) => client.stat(),
    fails: "POP3_COMMAND_TIMEOUT",
  },
  {
    row: "3D.101",
    name: "the server ends an idle session with -ERR, which answers no command",
    server: session("* wait", "S: -ERR idle for too long", "* close"),
    calls: idle,
    fails: "POP3_UNSOLICITED",
    error: { message: expect.stringContaining("-ERR idle for too long") as string },
  },
  {
    row: "3D.102",
    name: "an unknown host name",
    server: [],
    options: { host: "mail.test", lookup: unknownName },
    fails: "POP3_CONNECT",
  },
  {
    row: "3D.102",
    name: "a port that refuses connections",
    server: [],
    options: { port: 1 },
    fails: "POP3_CONNECT",
    error: { cause: expect.objectContaining({ code: "ECONNREFUSED" }) as object },
  },
  {
    row: "3D.102",
    name: "a network that does not answer",
    server: [],
    options: { host: "mail.test", lookup: () => undefined, timeouts: { connect: 60 } },
    fails: "POP3_CONNECT_TIMEOUT",
  },
  {
    row: "3D.102",
    name: "the first of two addresses does not answer",
    server: session(),
    options: { host: "mail.test", lookup: addresses("127.0.0.2", "127.0.0.1") },
    calls: (client) => Promise.resolve(client.greeting),
    gives: "hello",
    leaves: "transaction",
  },
  {
    row: "3D.102",
    name: "close() while the name is resolved: the later address is not dialled",
    play: async () => {
      await using server = await listen({ users });
      const asked = new Gate();
      let answer = (): void => undefined;
      const lookup: LookupFunction = (name, options, callback) => {
        answer = () => addresses(server.host)(name, options, callback);
        asked.open();
      };
      const client = new Pop3Client(to(server, { host: "mail.test", lookup }));
      const call = codeOf(client.connect());
      await asked.opened;
      client.close();
      expect(await call).toBe("POP3_CLOSED");
      answer();
      await turns();
      expect(server.connections).toBe(0);
    },
  },
  {
    row: "3D.120",
    name: "the server refuses, and resets while the client writes: the refusal is reported",
    server: maildropScript({
      STAT: async (peer) => {
        await peer.send("-ERR [SYS/TEMP] going down\r\n");
        await endAs(peer, "reset");
        return undefined;
      },
    }),
    calls: (client) => Promise.all([client.stat(), client.uidl(), client.list()].map(codeOf)),
    gives: ["POP3_REFUSED", "POP3_RESET", "POP3_RESET"],
  },
  {
    row: "3D.120",
    name: "the last answer arrives together with the end",
    server: session("C: STAT", octets("-ERR [SYS/TEMP] going down\r\n"), "* close"),
    calls: (client) => client.stat(),
    fails: "POP3_REFUSED",
    error: { responseCode: "SYS/TEMP", temporary: true },
  },
];
