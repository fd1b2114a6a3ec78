// What real servers do with STAT and LIST, and with maildrops of any size, and how the client reacts.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { LIST, looped, loopOver, RETR, UIDL } from "./quirks-steps.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const stat = (client: Pop3Client): Promise<unknown> => client.stat();
const list = (client: Pop3Client): Promise<unknown> => client.list();
const uidl = (client: Pop3Client): Promise<unknown> => client.uidl();

const STRICT = { listings: "strict" } as const;
const STRICTLY = 'with listings: "strict" the call fails, and the session goes on';
const AS_IT_CAME = "each is returned as it came, without a warning: the client cannot know which is right";

/** With this number of messages or more, LIST is asked for the sizes of messages given by number. */
const EIGHT: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];

export const QUIRKS_LISTINGS: readonly Row[] = [
  ...["1", "no messages", "", "one 140", "1 140x"].map((text): Row => ({
    row: "Q.67",
    name: `STAT is answered by "${text}"`,
    server: session("C: STAT", `S: +OK ${text}`),
    calls: stat,
    fails: "POP3_BAD_RESPONSE",
    leaves: "transaction",
  })),
  {
    row: "Q.67",
    name: "STAT with more text after its numbers",
    server: session("C: STAT", "S: +OK 2 320 0 messages marked"),
    calls: stat,
    gives: { count: 2, size: 320 },
    leaves: "transaction",
  },
  {
    row: "Q.68",
    name: "more octets than 32 bits can count",
    server: session("C: STAT", "S: +OK 20000 4294967400", ...LIST("1 4294967400", "2 9007199254740991")),
    calls: async (client) => [await client.stat(), await client.list()],
    gives: [
      { count: 20_000, size: 4_294_967_400 },
      new Map([
        [1, 4_294_967_400],
        [2, Number.MAX_SAFE_INTEGER],
      ]),
    ],
    leaves: "transaction",
  },
  {
    row: "Q.68",
    name: "a size below 0",
    differs: "STAT fails: a number that overflowed has no meaning, and nothing here depends on STAT",
    server: session("C: STAT", "S: +OK 20000 -1", ...LIST("1 120"), ...UIDL("1 a"), ...RETR(1)),
    calls: async (client) => {
      await expect(client.stat()).rejects.toMatchObject({ code: "POP3_BAD_RESPONSE" });
      return looped(client);
    },
    gives: [[1, "a", "message 1"]],
    leaves: "transaction",
  },
  ...["2", "2 ", "2 big", "x 120", "2 -1"].flatMap((line): Row[] => [
    {
      row: "Q.69",
      name: `"${line}" in LIST, strict`,
      differs: STRICTLY,
      server: session(...LIST("1 120", line, "3 120"), ...RETR(2)),
      options: STRICT,
      calls: async (client) => {
        await expect(client.list()).rejects.toMatchObject({ code: "POP3_BAD_LISTING" });
        return client.retr(2);
      },
      gives: octets("message 2\r\n"),
      leaves: "transaction",
    },
    {
      row: "Q.69",
      name: `"${line}" in LIST, lenient: its message has no size`,
      server: session(
        ...LIST("1 12", line, "3 12"),
        ...UIDL("1 a", "2 b", "3 c"),
        ...[1, 2, 3].flatMap(RETR),
      ),
      calls: async (client) => [await looped(client), client.malformed.map(({ text }) => text)],
      gives: [
        [
          [1, "a", "message 1"],
          [2, "b", "message 2"],
          [3, "c", "message 3"],
        ],
        [line],
      ],
      leaves: "transaction",
    },
  ]),
  {
    row: "Q.69",
    name: "a loop over all messages, and LIST has a malformed line, strict",
    differs: STRICTLY,
    server: session(...LIST("1 120", "2"), ...UIDL("1 a", "2 b")),
    options: STRICT,
    calls: looped,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  },
  ...[LIST("1 12", "2"), ["C: LIST", "S: -ERR not now"]].map((listed, index): Row => ({
    row: "Q.69",
    name: `a loop over given numbers, and LIST ${index === 0 ? "has a malformed line" : "is refused"}: the loop does not need it`,
    server: session(...listed, ...EIGHT.flatMap(RETR)),
    calls: (client) => loopOver(client, EIGHT),
    gives: EIGHT.map((n) => [n, undefined, `message ${n}`]),
    leaves: "transaction",
  })),
  {
    row: "Q.70",
    name: "LIST 1 is answered for message 2",
    differs: "it also ends the session: commands and answers are out of step, and stay so",
    server: session("C: LIST 1", "S: +OK 2 120"),
    calls: (client) => client.list(1),
    fails: "POP3_PROTOCOL",
  },
  ...["+OK 0 messages\r\n.\r\n", "+OK\r\n.\r\n"].map((answer): Row => ({
    row: "Q.71",
    name: `an empty maildrop, in one packet: ${JSON.stringify(answer)}`,
    server: session("C: LIST", octets(answer)),
    calls: list,
    gives: new Map(),
    leaves: "transaction",
  })),
  {
    row: "Q.72",
    name: "numbers with gaps, and out of order",
    server: session(...LIST("7 12", "3 12"), ...UIDL("3 c", "7 g"), ...RETR(7), ...RETR(3)),
    calls: looped,
    gives: [
      [7, "g", "message 7"],
      [3, "c", "message 3"],
    ],
    leaves: "transaction",
  },
  {
    row: "Q.73",
    name: "more messages in LIST than STAT counted, and higher numbers",
    differs: AS_IT_CAME,
    server: session("C: STAT", "S: +OK 1 12", ...LIST("1 12", "9 12")),
    calls: async (client) => [(await client.stat()).count, [...(await client.list()).keys()]],
    gives: [1, [1, 9]],
    leaves: "transaction",
  },
  {
    row: "Q.73",
    name: "many more messages in LIST than STAT counted",
    differs: "17 too many are not an error in counting: no more is read",
    server: session(
      "C: STAT",
      "S: +OK 1 12",
      ...LIST(...Array.from({ length: 18 }, (_, n) => `${n + 1} 12`)),
    ),
    calls: async (client) => {
      await client.stat();
      return client.list();
    },
    fails: "POP3_LIST_TOO_LARGE",
  },
  ...[1, 0, 100_000].map((size): Row => ({
    row: "Q.74",
    name: `LIST announces ${size} octets for a message of 11`,
    server: session(...LIST(`1 ${size}`), ...UIDL("1 a"), ...RETR(1), ...RETR(1)),
    calls: async (client) => [await looped(client), (await client.retr(1)).length],
    gives: [[[1, "a", "message 1"]], 11],
    leaves: "transaction",
  })),
  {
    row: "Q.75",
    name: "columns of spaces",
    server: session(...UIDL("1   a", "10  j"), ...LIST("1   120", "10  80 ")),
    calls: async (client) => [[...(await client.uidl())], [...(await client.list())]],
    gives: [
      [
        [1, "a"],
        [10, "j"],
      ],
      [
        [1, 120],
        [10, 80],
      ],
    ],
    leaves: "transaction",
  },
  {
    row: "Q.84",
    name: "mail that arrives between LIST and UIDL: the loop follows LIST",
    server: session(...LIST("1 12"), ...UIDL("1 a", "2 b"), ...RETR(1)),
    calls: looped,
    gives: [[1, "a", "message 1"]],
    leaves: "transaction",
  },
  {
    row: "Q.85",
    name: "a hundred thousand messages: UIDL of all, and of one",
    server: session(
      ...UIDL(Array.from({ length: 100_000 }, (_, n) => `${n + 1} u${n}`).join("\r\n")),
      ...["C: UIDL 99999", "S: +OK 99999 u99998"],
    ),
    calls: async (client) => [(await client.uidl()).size, await client.uidl(99_999)],
    gives: [100_000, "u99998"],
    leaves: "transaction",
  },
  {
    row: "Q.85",
    name: "more messages than the limit allows",
    server: session(...UIDL("1 a", "2 b", "3 c")),
    options: { limits: { listEntries: 2 } },
    calls: uidl,
    fails: "POP3_LIST_TOO_LARGE",
  },
];
