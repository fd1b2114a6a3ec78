// The default of every limit: input of that size is accepted, and one octet more is rejected.
import { expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Limits, type SaslMechanism } from "popwright";
import { DEFAULT_LIMITS, DEFAULT_WINDOW } from "../../src/options/client.ts";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import { MIB } from "../support/large-message.ts";
import { capaAnswer, maildropScript, type Answer, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { turns, until } from "../support/turns.ts";
import { entries, line, listing, message } from "./sized-answers.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();

const auth = { user: "ann", pass: SECRET };

/** The outcome of the calls after a login, with the default of every limit. */
async function outcome(
  answers: Answers,
  calls: (client: Pop3Client, peer: Peer) => Promise<unknown>,
  options: Partial<Pop3ClientOptions> = {},
): Promise<[code: string, state: string]> {
  await using server = await ScriptedServer.listen(maildropScript(answers));
  const client = new Pop3Client({ ...server.options(), auth, ...options });
  const code = await codeOf(client.connect().then(async () => calls(client, server.peers[0] as Peer)));
  const { state } = client;
  client.close();
  await server.peers[0]?.gone;
  return [code, state];
}

/** Answers every challenge with one octet. */
const patient: SaslMechanism = {
  name: "X-PATIENT",
  cleartext: false,
  start: () => ({ respond: () => Buffer.from("!") }),
};

/** A login in which the server sends `count` challenges of `octets` octets each. */
async function challenged(count: number, octets: number): Promise<[code: string, state: string]> {
  let sent = 0;
  const challenge = `+ ${Buffer.alloc(octets, "a").toString("base64")}\r\n`;
  const next = (): string => (sent++ < count ? challenge : "+OK\r\n");
  const answers = { CAPA: capaAnswer("SASL X-PATIENT"), AUTH: next, "IQ==": next, "*": "-ERR cancelled\r\n" };
  return outcome(answers, () => Promise.resolve(), { auth: { ...auth, mechanism: patient } });
}

/** Gives up a message of `octets` octets before its answer comes. */
async function givenUp(octets: number): Promise<[code: string, state: string]> {
  let goOn = (): void => undefined;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const send = message(octets) as (peer: Peer, line: string) => Promise<string>;
  const RETR: Answer = async (peer, asked) => {
    await gate;
    return send(peer, asked);
  };
  return outcome({ RETR }, async (client, peer) => {
    const controller = new AbortController();
    const call = codeOf(client.retr(1, { signal: controller.signal }));
    await until(() => peer.commands.includes("RETR 1"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    goOn();
    await client.noop();
  });
}

const OK = ["resolved", "transaction"];
const closed = (code: string): string[] => [code, "closed"];

const { line: LINE, capabilityLines, capabilityOctets, listEntries, listOctets } = DEFAULT_LIMITS;
const { commandLine, challenge, challenges, message: MESSAGE, drain } = DEFAULT_LIMITS;

type Attempt = () => Promise<[code: string, state: string]>;

/** The limit, what reaches it, what goes one past it, and what comes of that. */
const LIMITS: readonly [
  limit: keyof Pop3Limits,
  what: string,
  at: Attempt,
  past: Attempt,
  outcome: string[],
][] = [
  [
    "line",
    "a status line",
    () => outcome({ NOOP: line("+OK ", LINE) }, (client) => client.noop()),
    () => outcome({ NOOP: line("+OK ", LINE + 1) }, (client) => client.noop()),
    closed("POP3_LINE_TOO_LONG"),
  ],
  [
    "line",
    "a line of a listing",
    () => outcome({ LIST: `+OK\r\n${line("1 1 ", LINE)}.\r\n` }, (client) => client.list()),
    () => outcome({ LIST: `+OK\r\n${line("1 1 ", LINE + 1)}.\r\n` }, (client) => client.list()),
    closed("POP3_LINE_TOO_LONG"),
  ],
  [
    "commandLine",
    "a custom command",
    () => outcome({}, (client) => client.command(line("ECHO ", commandLine).trimEnd())),
    () => outcome({}, (client) => client.command(line("ECHO ", commandLine + 1).trimEnd())),
    ["POP3_COMMAND_TOO_LONG", "transaction"],
  ],
  [
    "listEntries",
    "a scan listing",
    () => outcome({ LIST: entries(listEntries) }, (client) => client.list()),
    () => outcome({ LIST: entries(listEntries + 1) }, (client) => client.list()),
    closed("POP3_LIST_TOO_LARGE"),
  ],
  [
    "listEntries",
    "what STAT has counted, and sixteen more",
    () =>
      outcome({ STAT: "+OK 5 10\r\n", UIDL: entries(21) }, (client) =>
        client.stat().then(() => client.uidl()),
      ),
    () =>
      outcome({ STAT: "+OK 5 10\r\n", UIDL: entries(22) }, (client) =>
        client.stat().then(() => client.uidl()),
      ),
    closed("POP3_LIST_TOO_LARGE"),
  ],
  [
    "listOctets",
    "a scan listing",
    () => outcome({ LIST: listing(listOctets) }, (client) => client.list()),
    () => outcome({ LIST: listing(listOctets + 1) }, (client) => client.list()),
    closed("POP3_LIST_TOO_LARGE"),
  ],
  [
    "capabilityLines",
    "CAPA",
    () =>
      outcome({ CAPA: capaAnswer(...Array<string>(capabilityLines).fill("USER")) }, () => Promise.resolve()),
    () =>
      outcome({ CAPA: capaAnswer(...Array<string>(capabilityLines + 1).fill("USER")) }, () =>
        Promise.resolve(),
      ),
    closed("POP3_RESPONSE_TOO_LARGE"),
  ],
  [
    "capabilityOctets",
    "CAPA",
    () => outcome({ CAPA: `+OK\r\n${line("X ", capabilityOctets)}.\r\n` }, () => Promise.resolve()),
    () => outcome({ CAPA: `+OK\r\n${line("X ", capabilityOctets + 1)}.\r\n` }, () => Promise.resolve()),
    closed("POP3_RESPONSE_TOO_LARGE"),
  ],
  [
    "challenges",
    "a login",
    () => challenged(challenges, 1),
    () => challenged(challenges + 1, 1),
    closed("POP3_AUTH_PROTOCOL"),
  ],
  [
    "message",
    "a message as a Buffer",
    () => outcome({ RETR: message(MESSAGE) }, (client) => client.retr(1)),
    () => outcome({ RETR: message(MESSAGE + 1) }, (client) => client.retr(1)),
    closed("POP3_MESSAGE_TOO_LARGE"),
  ],
  [
    "message",
    "what LIST announces: nothing is sent",
    () =>
      outcome({ LIST: `+OK\r\n1 ${MESSAGE}\r\n.\r\n`, "RETR 1": "+OK\r\nx\r\n.\r\n" }, (client) =>
        client.list().then(() => client.retr(1)),
      ),
    () =>
      outcome({ LIST: `+OK\r\n1 ${MESSAGE + 1}\r\n.\r\n`, "RETR 1": "" }, (client) =>
        client.list().then(() => client.retr(1)),
      ),
    ["POP3_MESSAGE_TOO_LARGE", "transaction"],
  ],
  [
    "drain",
    "the rest of an aborted response",
    () => givenUp(drain),
    () => givenUp(drain + 1),
    closed("POP3_ABANDONED"),
  ],
];

for (const [limit, what, at, past, result] of LIMITS) {
  test(`limits.${limit}: ${what}`, async () => {
    expect(await at()).toEqual(OK);
    expect(await past()).toEqual(result);
  });
}

test("limits.challenge: a challenge", async () => {
  expect(await challenged(1, challenge)).toEqual(OK);
  // Base64 goes by three octets: the first that does not fit is no longer either.
  const [code, state] = await challenged(1, challenge + 3);
  expect(["POP3_CHALLENGE_TOO_LARGE", "POP3_LINE_TOO_LONG"]).toContain(code);
  expect(state).toBe("closed");
});

test("every limit is tested except the rate, which is a timer", () => {
  const tried = new Set<string>([...LIMITS.map(([limit]) => limit), "challenge", "minRate"]);
  expect(Object.keys(DEFAULT_LIMITS).filter((limit) => !tried.has(limit))).toEqual([]);
});

test("the window limits the octets of commands in flight", async () => {
  const answers = { ECHO: () => new Promise<undefined>(() => undefined) };
  await outcome(answers, async (client, peer) => {
    // After the CAPA of the login. 64 commands of 64 octets fill the window.
    await client.noop();
    const before = peer.received;
    const calls = Array.from({ length: 70 }, () => codeOf(client.command(line("ECHO ", 64).trimEnd())));
    await turns(50);
    expect(peer.received - before).toBe(DEFAULT_WINDOW.commandOctets);
    client.close();
    await Promise.all(calls);
  });
});

test.each([
  ["that fill it", 0, 4],
  ["that exceed it by one octet", 1, 3],
])("the window limits announced octets of messages %s", async (_, more, inFlight) => {
  const sizes = [MIB, MIB, MIB, MIB + more, 1].map((size, index) => `${index + 1} ${size}\r\n`).join("");
  const answers = { LIST: `+OK\r\n${sizes}.\r\n`, RETR: () => new Promise<undefined>(() => undefined) };
  expect(DEFAULT_WINDOW.octets).toBe(4 * MIB);
  await outcome(answers, async (client, peer) => {
    await client.list();
    const calls = [1, 2, 3, 4, 5].map((n) => codeOf(client.retr(n)));
    await turns(50);
    expect(peer.commands.filter((command) => command.startsWith("RETR"))).toHaveLength(inFlight);
    client.close();
    await Promise.all(calls);
  });
});
