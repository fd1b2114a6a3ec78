// What real servers do with commands that go out together, and what becomes of it here.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import type { Step } from "../support/scripted-server.ts";
import { capaAnswer, retrAnswer } from "../support/maildrop-script.ts";
import { turns } from "../support/turns.ts";
import type { Row } from "./row.ts";
import { octets, pipelined } from "./steps.ts";

/** The second answer to CAPA of a session that is pipelined. */
const CAPA_AGAIN: readonly Step[] = ["S: +OK", "S: PIPELINING", "S: ."];
const NO_FALLBACK =
  "the session ends, and nothing is tried again in it: the next session with this server sends one command at a time";

/** What each of ten messages came to. */
async function tenAtOnce(client: Pop3Client): Promise<unknown> {
  return Promise.all(Array.from({ length: 10 }, async (_, index) => codeOf(client.retr(index + 1))));
}

export const QUIRKS_PIPELINING: readonly Row[] = [
  {
    row: "Q.101",
    name: "the connection is closed in the middle of ten that are pipelined: what has come is given",
    differs: NO_FALLBACK,
    server: pipelined(
      ...CAPA_AGAIN,
      ...[...Array(10).keys()].map((index) => `C: RETR ${index + 1}`),
      ...[octets(`${retrAnswer(1)}${retrAnswer(2)}${retrAnswer(3).slice(0, 40)}`), "* close"],
    ),
    calls: tenAtOnce,
    gives: ["resolved", "resolved", "POP3_TRUNCATED", ...Array<string>(7).fill("POP3_CLOSED")],
  },
  {
    row: "Q.101",
    name: "the same server, one command at a time",
    server: pipelined(
      ...CAPA_AGAIN,
      ...[...Array(10).keys()].flatMap((index) => [`C: RETR ${index + 1}`, octets(retrAnswer(index + 1))]),
    ),
    how: { lockstep: true },
    options: { pipelining: false },
    calls: tenAtOnce,
    gives: Array(10).fill("resolved"),
    leaves: "transaction",
  },
  {
    row: "Q.102",
    name: "the reply to the next command overtakes the last dot of a message",
    differs: NO_FALLBACK,
    server: pipelined(
      ...[...CAPA_AGAIN, "C: RETR 1", "C: RETR 2", "S: +OK", "S: one", "S: +OK", "S: .", "S: two", "S: ."],
    ),
    calls: (client) => Promise.all([codeOf(client.retr(1)), codeOf(client.retr(2))]),
    gives: ["POP3_PROTOCOL", "POP3_PROTOCOL"],
  },
  {
    row: "Q.102",
    name: "the same server, one command at a time",
    server: pipelined(
      ...[...CAPA_AGAIN, "C: RETR 1", "S: +OK", "S: one", "S: .", "C: RETR 2", "S: +OK", "S: two", "S: ."],
    ),
    how: { lockstep: true },
    options: { pipelining: false },
    calls: async (client) => Promise.all([client.retr(1).then(String), client.retr(2).then(String)]),
    gives: ["one\r\n", "two\r\n"],
    leaves: "transaction",
  },
  {
    row: "Q.103",
    name: "PIPELINING is listed after the login only: from then on commands are sent together",
    server: [
      ...["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: .", "C: USER ann", "S: +OK"],
      ...[`C: PASS ${SECRET}`, "S: +OK", "C: CAPA", ...CAPA_AGAIN],
      ...["C: DELE 1", "C: DELE 2", "C: DELE 3", "S: +OK", "S: +OK", "S: +OK"],
    ],
    calls: async (client) => {
      await client.dele([1, 2, 3]);
      return client.marked;
    },
    gives: new Set([1, 2, 3]),
    leaves: "transaction",
  },
  {
    row: "Q.104",
    name: "ten thousand commands, and a server that answers late: no more is written than it may have to hold",
    server: async (peer) => {
      await peer.send("+OK hello\r\n");
      for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
        if (line === "DELE 1") {
          await turns();
          const ahead = peer.commands.filter((each) => each.startsWith("DELE")).join("\r\n").length;
          expect(ahead).toBeGreaterThan(1000);
          expect(ahead).toBeLessThanOrEqual(4096);
        }
        await peer.send(line === "CAPA" ? capaAnswer("PIPELINING") : "+OK\r\n");
      }
    },
    calls: async (client) => {
      await client.dele(Array.from({ length: 10_000 }, (_, index) => index + 1));
      return client.marked.size;
    },
    gives: 10_000,
    leaves: "transaction",
  },
];
