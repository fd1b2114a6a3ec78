// How sessions end: by QUIT and without it, on the way in, and while nobody says anything.
import { once } from "node:events";
import type { LookupFunction } from "node:net";
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { listen, to } from "../client/ann.ts";
import { codeOf, turns } from "../client/outcome.ts";
import { SECRET } from "../client/secret.ts";
import { Gate } from "../faults/gate.ts";
import { maildropScript } from "../faults/maildrop-script.ts";
import { endAs } from "../faults/wire-ends.ts";
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
  "there is no keep-alive of its own: `noop` is the caller's, who knows how long the session is to wait";

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
      name: `QUIT, and ${end.slice(2)} for an answer: what was marked may be gone or not`,
      server: session(...MARKED, end),
      calls: commit,
      fails: "POP3_COMMIT_UNKNOWN",
      error: { marked: [1, 3], command: "QUIT" },
    },
    {
      row: "3D.94",
      name: `QUIT, and ${end.slice(2)} for an answer: where nothing was marked, nothing is lost`,
      server: session("C: QUIT", end),
      calls: quit,
    },
  ]),
  {
    row: "3D.95",
    name: "QUIT is refused: which messages were marked is told",
    server: session(...MARKED, "S: -ERR some deleted messages not removed"),
    calls: commit,
    fails: "POP3_COMMIT_FAILED",
    error: { marked: [1, 3], text: "some deleted messages not removed" },
  },
  {
    row: "3D.96",
    name: "QUIT, and silence: it has a clock of its own",
    server: session(...MARKED),
    elapses: 10_000,
    calls: commit,
    fails: "POP3_COMMIT_UNKNOWN",
    error: { cause: expect.objectContaining({ code: "POP3_COMMAND_TIMEOUT" }) as object },
  },
  {
    row: "3D.97",
    name: "QUIT is answered, and FIN never comes: we close",
    server: session("C: QUIT", "S: +OK bye"),
    calls: quit,
  },
  {
    row: "3D.98",
    name: "RST behind DELE: nothing is deleted, and the next session sees every message",
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
    name: "the server closes an idle session without a word",
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
    name: "the server is gone, and nobody has told us: the next command has its clock",
    differs: SILENT,
    server: session("C: STAT"),
    elapses: 60_000,
    calls: (client) => client.stat(),
    fails: "POP3_COMMAND_TIMEOUT",
  },
  {
    row: "3D.101",
    name: "the server ends an idle session with -ERR, which answers nothing",
    server: session("* wait", "S: -ERR idle for too long", "* close"),
    calls: idle,
    fails: "POP3_UNSOLICITED",
    error: { message: expect.stringContaining("-ERR idle for too long") as string },
  },
  {
    row: "3D.102",
    name: "a name that nobody knows",
    server: [],
    options: { host: "mail.test", lookup: unknownName },
    fails: "POP3_CONNECT",
  },
  {
    row: "3D.102",
    name: "a port that refuses",
    server: [],
    options: { port: 1 },
    fails: "POP3_CONNECT",
    error: { cause: expect.objectContaining({ code: "ECONNREFUSED" }) as object },
  },
  {
    row: "3D.102",
    name: "a way that leads nowhere",
    server: [],
    options: { host: "mail.test", lookup: () => undefined, timeouts: { connect: 60 } },
    fails: "POP3_CONNECT_TIMEOUT",
  },
  {
    row: "3D.102",
    name: "the first of two addresses is dead",
    server: session(),
    options: { host: "mail.test", lookup: addresses("127.0.0.2", "127.0.0.1") },
    calls: (client) => Promise.resolve(client.greeting),
    gives: "hello",
    leaves: "transaction",
  },
  {
    row: "3D.102",
    name: "closed while the name is looked up, whose answer comes later: nothing is dialled",
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
    name: "the server refuses, and resets while more is written to it: the refusal is told",
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
    name: "the last answer lies there along with the end",
    server: session("C: STAT", octets("-ERR [SYS/TEMP] going down\r\n"), "* close"),
    calls: (client) => client.stat(),
    fails: "POP3_REFUSED",
    error: { responseCode: "SYS/TEMP", temporary: true },
  },
];
