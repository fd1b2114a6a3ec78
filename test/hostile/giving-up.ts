// Aborted calls, and many waiting calls when the server refuses, ends or does not read.
import { getEventListeners } from "node:events";
import { expect } from "vitest";
import { Pop3Client, type CallOptions, type Pop3ClientOptions } from "popwright";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import { OFFERED } from "../support/stls-attempt.ts";
import { toScript } from "../support/ann.ts";
import { maildropScript, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer, type Step } from "../support/scripted-server.ts";
import { turns, until } from "../support/turns.ts";
import type { Row } from "./row.ts";
import { pipelined, session } from "./steps.ts";

const never = (): Promise<undefined> => new Promise(() => undefined);
const UIDL = (n: number): string => `C: UIDL ${n}`;
const ANSWER = (n: number): string => `S: +OK ${n} uid-${n}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const CAPA_AGAIN = ["S: +OK", "S: PIPELINING", "S: UIDL", "S: ."] as const;

/** Where `connect` is when its signal is aborted: the script, what the client has written by then. */
const ON_THE_WAY: Readonly<Record<string, [Step[], RegExp, Partial<Pop3ClientOptions>]>> = {
  "before it starts": [[], /^/, {}],
  "while the name is resolved": [[], /^/, { host: "mail.test", lookup: () => undefined }],
  "during the greeting": [[], /^/, {}],
  "in CAPA": [["S: +OK"], /CAPA/, {}],
  "in STLS": [[...OFFERED, "C: STLS"], /STLS/, { stls: "required" }],
  "during the handshake": [[...OFFERED, "C: STLS", "S: +OK", "* octets"], /STLS\r\n./s, { stls: "required" }],
  "in USER": [["S: +OK", "C: CAPA", "S: -ERR", "C: USER ann"], /USER/, {}],
  "in PASS": [["S: +OK", "C: CAPA", "S: -ERR", "C: USER ann", "S: +OK", /^PASS /], /PASS/, {}],
};

async function abortOnTheWay(where: string): Promise<void> {
  const [script, written, options] = ON_THE_WAY[where] as [Step[], RegExp, Partial<Pop3ClientOptions>];
  await using server = await ScriptedServer.listen(script);
  const controller = new AbortController();
  if (where === "before it starts") controller.abort();
  const client = new Pop3Client(toScript(server, { auth: { user: "ann", pass: SECRET }, ...options }));
  let closings = 0;
  client.on("close", () => closings++);
  const call = codeOf(client.connect({ signal: controller.signal }));
  if (where === "during the greeting") await until(() => server.connections === 1);
  await server.wrote(written);
  await turns(5);
  const sent = server.clear.length;
  controller.abort();
  expect(await call).toBe("POP3_ABORTED");
  await turns();
  await server.played();
  expect([client.state, closings, server.clear.length]).toEqual(["closed", 0, sent]);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
}

/** Gives a message up when half of it has come, and asks for something else. */
async function giveUp(client: Pop3Client, goOn: () => void): Promise<string> {
  const controller = new AbortController();
  const call = codeOf(client.retr(1, { signal: controller.signal }));
  await turns(40);
  controller.abort();
  expect(await call).toBe("POP3_ABORTED");
  const next = client.uidl(2);
  goOn();
  return next;
}

export const GIVING_UP: readonly Row[] = [
  ...Object.keys(ON_THE_WAY).map((where): Row => ({
    row: "3D.103",
    name: `connect() is aborted ${where}: it closes, writes nothing more, and emits no event`,
    play: () => abortOnTheWay(where),
  })),
  {
    row: "3D.104",
    name: "a message is aborted in the middle: the rest is dropped, and the next call gets its own answer",
    server: session(
      ...["C: RETR 1", "S: +OK", "S: 2 uid-1", "* wait", "S: +OK 2 uid-3", "S: ."],
      ...["C: UIDL 2", "S: +OK 2 uid-2"],
    ),
    calls: (client, stage) => giveUp(client, () => stage.goOn()),
    gives: "uid-2",
    leaves: "transaction",
  },
  {
    row: "3D.104",
    name: "a message is aborted with too much of it left: the session ends",
    server: session(
      "C: RETR 1",
      "S: +OK",
      "S: half",
      "* wait",
      ...Array<string>(20).fill("S: more of it"),
      "S: .",
    ),
    options: { limits: { drain: 200 } },
    calls: (client, stage) => giveUp(client, () => stage.goOn()),
    fails: "POP3_ABANDONED",
  },
  {
    row: "3D.104",
    name: "a message is aborted, and the rest does not arrive: the session ends",
    server: session("C: RETR 1", "S: +OK", "S: half"),
    options: { timeouts: { drain: 60 } },
    calls: (client) => giveUp(client, () => undefined),
    fails: "POP3_ABANDONED",
  },
  {
    row: "3D.105",
    name: "the third of ten commands in flight is aborted: each of the others gets its own answer",
    server: pipelined(...numbers(10).map(UIDL), ...["* wait", ...CAPA_AGAIN], ...numbers(10).map(ANSWER)),
    calls: async (client, stage) => {
      const controller = new AbortController();
      const calls = numbers(10).map((n) => {
        const options: CallOptions = n === 3 ? { signal: controller.signal } : {};
        return client.uidl(n, options).catch((error: unknown) => (error as { code: string }).code);
      });
      await stage.wrote(/UIDL 10/);
      controller.abort();
      expect(await calls[2]).toBe("POP3_ABORTED");
      stage.goOn();
      return Promise.all(calls);
    },
    gives: numbers(10).map((n) => (n === 3 ? "POP3_ABORTED" : uidOf(n))),
    leaves: "transaction",
  },
  {
    row: "3D.106",
    name: "the connection ends with five commands in flight and five queued: all reject, in order",
    server: pipelined(...CAPA_AGAIN, ...numbers(5).map(UIDL), "* wait", "* reset"),
    options: { pipelining: { commandOctets: 46 } },
    calls: async (client, stage) => {
      const order: string[] = [];
      const calls = numbers(10).map((n) => codeOf(client.uidl(n)).then((code) => order.push(`${n} ${code}`)));
      await stage.wrote(/UIDL 5/);
      await turns();
      stage.goOn();
      await Promise.all(calls);
      return order;
    },
    gives: numbers(10).map((n) => `${n} POP3_RESET`),
  },
  {
    row: "3D.107",
    name: "the second of five is refused, and no other",
    server: pipelined(
      ...numbers(5).map(UIDL),
      ...[...CAPA_AGAIN, ANSWER(1), "S: -ERR no such message", ANSWER(3), ANSWER(4), ANSWER(5)],
    ),
    calls: (client) =>
      Promise.all(
        numbers(5).map((n) => client.uidl(n).catch((error: unknown) => (error as { code: string }).code)),
      ),
    gives: ["uid-1", "POP3_REFUSED", "uid-3", "uid-4", "uid-5"],
    leaves: "transaction",
  },
  {
    row: "3D.108",
    name: "PIPELINING is not listed: commands go one at a time, and one without an answer ends the session",
    server: session("C: UIDL 1", "S: +OK 1 uid-1", "C: UIDL 2"),
    how: { lockstep: true },
    elapses: 60_000,
    calls: async (client) =>
      Promise.all(
        numbers(5).map((n) => client.uidl(n).catch((error: unknown) => (error as { code: string }).code)),
      ),
    gives: ["uid-1", ...Array<string>(4).fill("POP3_COMMAND_TIMEOUT")],
  },
  {
    row: "3D.109",
    name: "10,000 commands, and the server reads none: a limited part of them is sent",
    play: async () => {
      await using server = await ScriptedServer.listen(maildropScript({ DELE: never }));
      const client = await Pop3Client.connect(server.options());
      await client.noop();
      const before = server.peers[0]?.received ?? 0;
      const calls = numbers(10_000).map((n) => codeOf(client.dele(n)));
      await turns(50);
      expect((server.peers[0]?.received ?? 0) - before).toBeLessThanOrEqual(4096);
      client.close();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(["POP3_CLOSED"]));
      await server.peers[0]?.gone;
    },
  },
];
