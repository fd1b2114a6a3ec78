// What real servers do with unique-ids, and how the client reacts.
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { SECRET } from "../support/secret.ts";
import { maildropScript } from "../support/maildrop-script.ts";
import { ScriptedServer, type Step } from "../support/scripted-server.ts";
import { LIST, looped, RETR, UIDL } from "./quirks-steps.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const uidl = (client: Pop3Client): Promise<unknown> => client.uidl();

/** What two sessions get, one after the other: a message whose unique-id is `a`, and that the first has deleted. */
async function inTwoSessions(texts: readonly string[]): Promise<unknown[]> {
  let sessions = 0;
  await using server = await ScriptedServer.listen(
    maildropScript({
      greeting: () => `+OK session ${++sessions}\r\n`,
      LIST: "+OK\r\n1 12\r\n.\r\n",
      UIDL: "+OK\r\n1 a\r\n.\r\n",
      RETR: () => `+OK\r\n${texts[sessions - 1]}\r\n.\r\n`,
    }),
  );
  const seen: unknown[] = [];
  while (seen.length < texts.length) {
    const client = await Pop3Client.connect(server.options());
    seen.push(await looped(client));
    await client.dele(1);
    await client.quit();
  }
  return seen;
}

/** A session of a server that lists UIDL. */
const LISTED: readonly Step[] = [
  ...["S: +OK hello", "C: CAPA", "S: +OK", "S: UIDL", "S: USER", "S: ."],
  ...["C: USER ann", "S: +OK", `C: PASS ${SECRET}`, "S: +OK", "C: CAPA", "S: +OK", "S: UIDL", "S: ."],
];

const STRICT = { listings: "strict" } as const;
const STRICTLY = 'with listings: "strict" the call fails, and the session goes on';
const BY_NUMBER = "UIDL of one message fails in both modes, and the session continues";

export const QUIRKS_UNIQUE_IDS: readonly Row[] = [
  {
    row: "Q.76",
    name: "only lines in UIDL that begin with +OK",
    differs:
      "UIDL fails in both modes: these may be answers to other commands, and a wrong unique-id loses a message",
    server: session(...UIDL("+OK 1 a", "+OK 2 b")),
    calls: uidl,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  },
  {
    row: "Q.77",
    name: "UIDL 1 is answered without the number",
    differs:
      "it fails: without the number the client cannot know that it is the answer; UIDL of all messages has it",
    server: session("C: UIDL 1", "S: +OK 00001a1457b5a851", ...UIDL("1 00001a1457b5a851")),
    calls: async (client) => {
      await expect(client.uidl(1)).rejects.toMatchObject({ code: "POP3_BAD_RESPONSE" });
      return client.uidl();
    },
    gives: new Map([[1, "00001a1457b5a851"]]),
    leaves: "transaction",
  },
  {
    row: "Q.78",
    name: "UIDL leaves out a message",
    server: session(...LIST("1 12", "2 12"), ...UIDL("2 b"), ...RETR(1), ...RETR(2)),
    calls: looped,
    gives: [
      [1, undefined, "message 1"],
      [2, "b", "message 2"],
    ],
    leaves: "transaction",
  },
  ...["1", "1 ", "1   "].map((line): Row => ({
    row: "Q.78",
    name: `"${line}" in UIDL, without a unique-id`,
    server: session(...LIST("1 12", "2 12"), ...UIDL(line, "2 b"), ...RETR(1), ...RETR(2)),
    calls: looped,
    gives: [
      [1, undefined, "message 1"],
      [2, "b", "message 2"],
    ],
    leaves: "transaction",
  })),
  {
    row: "Q.79",
    name: "one unique-id for two messages: both are returned",
    server: session(...LIST("1 12", "2 12"), ...UIDL("1 a", "2 a"), ...RETR(1), ...RETR(2)),
    calls: looped,
    gives: [
      [1, "a", "message 1"],
      [2, "a", "message 2"],
    ],
    leaves: "transaction",
  },
  {
    row: "Q.80",
    name: "unique-ids of 71 and 512 characters, in UIDL and UIDL 2, and one with slashes",
    server: session(
      ...UIDL(`1 ${"u".repeat(71)}`, `2 ${"u".repeat(512)}`, "3 ../a/b"),
      ...["C: UIDL 2", `S: +OK 2 ${"u".repeat(512)}`],
    ),
    calls: async (client) => [...(await client.uidl()).values(), await client.uidl(2)],
    gives: ["u".repeat(71), "u".repeat(512), "../a/b", "u".repeat(512)],
    leaves: "transaction",
  },
  ...Object.entries({
    "513 characters": "u".repeat(513),
    spaces: "a b",
    "octets beyond ASCII": "\xfcber",
  }).flatMap(([what, uid]): Row[] => [
    {
      row: "Q.80",
      name: `a unique-id with ${what}, strict`,
      differs: STRICTLY,
      server: session(...UIDL(`1 ${uid}`, "2 b")),
      options: STRICT,
      calls: uidl,
      fails: "POP3_BAD_LISTING",
      leaves: "transaction",
    },
    {
      row: "Q.80",
      name: `a unique-id with ${what}, lenient: its message has no unique-id`,
      differs: "it is not used: text after a space, or in another charset, may change",
      server: session(...LIST("1 12", "2 12"), ...UIDL(`1 ${uid}`, "2 b"), ...RETR(1), ...RETR(2)),
      calls: async (client) => [await looped(client), client.malformed.map(({ number }) => number)],
      gives: [
        [
          [1, undefined, "message 1"],
          [2, "b", "message 2"],
        ],
        [1],
      ],
      leaves: "transaction",
    },
    {
      row: "Q.80",
      name: `a unique-id with ${what}, in UIDL 1`,
      differs: BY_NUMBER,
      server: session("C: UIDL 1", octets(`+OK 1 ${uid}\r\n`)),
      calls: (client) => client.uidl(1),
      fails: "POP3_BAD_RESPONSE",
      leaves: "transaction",
    },
  ]),
  {
    row: "Q.81",
    name: "UIDL is listed and refused",
    server: [...LISTED, "C: UIDL", "S: -ERR [SYS/TEMP] not now"],
    calls: uidl,
    fails: "POP3_REFUSED",
    error: { temporary: true },
    leaves: "transaction",
  },
  {
    row: "Q.81",
    name: "a loop, and UIDL is listed and refused: no message counts as new",
    server: [...LISTED, ...LIST("1 12"), "C: UIDL", "S: -ERR no"],
    calls: looped,
    fails: "POP3_REFUSED",
    error: { command: "UIDL" },
    leaves: "transaction",
  },
  {
    row: "Q.81",
    name: "a loop, and UIDL is refused for now, listed or not",
    server: session(...LIST("1 12"), "C: UIDL", "S: -ERR [SYS/TEMP] not now"),
    calls: looped,
    fails: "POP3_REFUSED",
    error: { temporary: true },
    leaves: "transaction",
  },
  {
    row: "Q.81",
    name: "a loop, and UIDL is neither listed nor accepted: every message is new",
    server: session(...LIST("1 12"), "C: UIDL", "S: -ERR unknown command", ...RETR(1)),
    calls: looped,
    gives: [[1, undefined, "message 1"]],
    leaves: "transaction",
  },
  ...[
    ["Q.82", "a message that was deleted is there again in the next session", "one", "one"],
    ["Q.83", "the unique-id of a deleted message names another in the next session", "one", "two"],
  ].map(([row, name, ...texts]): Row => ({
    row: row as string,
    name: name as string,
    differs: "nothing is remembered between sessions: the caller stores what was seen",
    play: async () => {
      expect(await inTwoSessions(texts)).toEqual(texts.map((text) => [[1, "a", text]]));
    },
  })),
];
