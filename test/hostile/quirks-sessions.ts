// What real servers do with whole sessions (deletions, quotas, time, languages), and how the client reacts.
import { once } from "node:events";
import { expect } from "vitest";
import { left, listen, logIn } from "../support/ann.ts";
import { SECRET } from "../support/secret.ts";
import type { Step } from "../support/scripted-server.ts";
import type { Row } from "./row.ts";
import { session } from "./steps.ts";

/** LANG, and a refusal after it. */
const LANGUAGES: readonly Step[] = [
  ...["C: LANG", "S: +OK", "S: en English", "S: de-AT Deutsch, \u00d6sterreich", "S: i-default", "S: ."],
  ...["C: LANG de-AT", "S: +OK jetzt \u00f6sterreichisch", "C: DELE 9", "S: -ERR gibt es nicht: \u00fc"],
];

export const QUIRKS_SESSIONS: readonly Row[] = [
  {
    row: "Q.98",
    name: "TOP and RETR have different headers: each is returned as it came",
    server: session(
      ...["C: TOP 1 0", "S: +OK", "S: Subject: a", "S: ", "S: ."],
      ...["C: RETR 1", "S: +OK", "S: Received: b", "S: Subject: a", "S: ", "S: body", "S: ."],
    ),
    calls: async (client) => [String(await client.top(1)), String(await client.retr(1))],
    gives: ["Subject: a\r\n\r\n", "Received: b\r\nSubject: a\r\n\r\nbody\r\n"],
    leaves: "transaction",
  },
  {
    row: "Q.99",
    name: "a server that deletes what was read: RSET before QUIT by hand",
    differs: "there is no option: `quit` commits, and the caller can add a call of `rset` before it",
    server: session("C: RETR 1", "S: +OK", "S: a", "S: .", "C: RSET", "S: +OK", "C: QUIT", "S: +OK"),
    calls: async (client) => {
      await client.retr(1);
      await client.rset();
      await client.quit();
    },
  },
  {
    row: "Q.99",
    name: "a server that deletes what was read: disposal sends RSET before QUIT, even without marks",
    server: session("C: RETR 1", "S: +OK", "S: a", "S: .", "C: RSET", "S: +OK", "C: QUIT", "S: +OK"),
    calls: async (client) => {
      await client.retr(1);
      await client[Symbol.asyncDispose]();
    },
  },
  {
    row: "Q.100",
    name: "a quota on downloads is temporary, and its words are kept",
    server: session("C: RETR 1", "S: -ERR Download exceed. msg=10"),
    calls: (client) => client.retr(1),
    fails: "POP3_REFUSED",
    error: { text: "Download exceed. msg=10", temporary: true },
    leaves: "transaction",
  },
  {
    row: "Q.105",
    name: "DELE deletes at QUIT: a session without QUIT deletes nothing",
    play: async () => {
      await using server = await listen();
      const client = await logIn(server);
      await client.dele(1);
      client.close();
      expect(await left(server)).toContain("One.");
    },
  },
  {
    row: "Q.105",
    name: "DELE deletes at QUIT: QUIT deletes",
    play: async () => {
      await using server = await listen();
      const client = await logIn(server);
      await client.dele(1);
      await client.quit();
      expect(await left(server)).toBe("");
    },
  },
  {
    row: "Q.106",
    name: "the server ends an idle session: `close` is emitted at once, and the next call rejects at once",
    differs:
      "there is no automatic keep-alive: the caller, who knows how long the work between two messages takes, sends `noop`",
    server: session("C: NOOP", "S: +OK", "* wait", "* close"),
    calls: async (client, stage) => {
      await client.noop();
      const closed = once(client, "close");
      stage.goOn();
      await closed;
      return client.stat();
    },
    fails: "POP3_CLOSED",
  },
  {
    row: "Q.107",
    name: "every command ends in CRLF, and none begins with a space",
    server: async (peer) => {
      await peer.send("+OK hello\r\n");
      for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
        expect(line).toBe(line.trim());
        await peer.send(line === "CAPA" ? "-ERR\r\n" : line === "STAT" ? "+OK 0 0\r\n" : "+OK\r\n");
      }
    },
    calls: async (client) => {
      await client.stat();
      await client.noop();
      await client.rset();
      await client.quit();
    },
    told: ["CAPA", "USER ann", /^PASS /, "CAPA", "STAT", "NOOP", "RSET", "QUIT"],
  },
  {
    row: "Q.108",
    name: "Gmail lists only some messages: the user name with the prefix for more is sent as it is",
    server: [
      ...[
        "S: +OK Gpop ready",
        "C: CAPA",
        "S: +OK",
        "S: USER",
        "S: .",
        "C: USER recent:ann@gmail.com",
        "S: +OK",
      ],
      ...[`C: PASS ${SECRET}`, "S: +OK", "C: CAPA", "S: -ERR", "C: STAT", "S: +OK 250 2500"],
      ...["C: UIDL 251", "S: +OK 251 GmailId1"],
    ],
    options: { auth: { user: "recent:ann@gmail.com", pass: SECRET } },
    calls: async (client) => [await client.stat(), await client.uidl(251)],
    gives: [{ count: 250, size: 2500 }, "GmailId1"],
    leaves: "transaction",
  },
  {
    row: "Q.109",
    name: "languages with subtags and descriptions in UTF-8, and a reply in one of them",
    server: session(...LANGUAGES),
    calls: async (client) => {
      const languages = await client.lang();
      const reply = await client.lang("de-AT");
      return [languages, reply, await client.dele(9).catch((error: unknown) => (error as Error).message)];
    },
    gives: [
      [
        { tag: "en", description: "English" },
        { tag: "de-AT", description: "Deutsch, \u00d6sterreich" },
        { tag: "i-default", description: "" },
      ],
      "jetzt \u00f6sterreichisch",
      "the server refused DELE 9: gibt es nicht: \u00fc",
    ],
    leaves: "transaction",
  },
  {
    row: "Q.110",
    name: "UTF8 after the login: nothing is sent",
    server: session(),
    calls: (client) => client.utf8(),
    fails: "POP3_STATE",
    leaves: "transaction",
  },
  {
    row: "Q.110",
    name: "UTF8 is unknown to the server",
    differs:
      "by hand it is sent and refused: a command is sent even if it is not listed; the option `utf8` follows the list",
    server: ["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: .", "C: UTF8", "S: -ERR unknown command"],
    options: { utf8: true },
    noLogin: true,
    calls: (client) => client.utf8(),
    fails: "POP3_REFUSED",
    leaves: "authorization",
  },
];
