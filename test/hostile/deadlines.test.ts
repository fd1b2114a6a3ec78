// Every call, in every state of its response, ends in time: with a silent server, and with one that sends 33
// bytes per second.
import { describe, expect, test, vi } from "vitest";
import { type Pop3Client } from "popwright";
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from "../../src/options/client.ts";
import { stopClocks } from "../support/clock.ts";
import { SECRET } from "../support/secret.ts";
import { auth, begin, connect, pass, repeated, SECOND, settle, type Call } from "./deadline-call.ts";
import type { Answers } from "../support/memory-server.ts";
import { watchEachTest } from "./witness.ts";

watchEachTest();
stopClocks();

/** Bytes per second of the slow server. */
const SLOW = 33;
const { command, body, quit, tls, greeting, drain } = DEFAULT_TIMEOUTS;
/** How long a block of `rate` bytes per second lasts: the grace period, and the time that its bytes earn at the minimum rate. */
const untilTooSlow = (rate: number): number => body / (1 - rate / DEFAULT_LIMITS.minRate);

type End = readonly [deadline: number, code: string];

/** A state in which the server stops answering, or goes on slowly. */
interface State {
  readonly name: string;
  /** What it says of the response before that. */
  readonly head: string;
  /** Milliseconds, and what the call ends in then. */
  readonly silent: End;
  readonly slow: End;
  /** What a slow server says before it becomes slow. @default `head` */
  readonly slowHead?: string;
  /** What it goes on with, again and again. */
  readonly octets: string;
}

/** A state whose one clock no octet sets back. */
function at(name: string, head: string, [deadline, code]: End, octets = "x"): State {
  return { name, head, octets, silent: [deadline, code], slow: [deadline, code] };
}

/** The states of a reply of one line. */
const line = (end: End = [command, "POP3_COMMAND_TIMEOUT"]): State[] => [
  { ...at("before the reply", "", end), slowHead: "+OK " },
  at("within the reply", "+OK ", end),
];

/** Those of a response with a small block, for all of which the time of a line is enough. */
const small: State[] = [
  ...line(),
  at("after the first line", "+OK\r\n", [command, "POP3_COMMAND_TIMEOUT"], "\r\n"),
  at("within the block", "+OK\r\nTOP\r\nU", [command, "POP3_COMMAND_TIMEOUT"], "\r\n"),
];

const inBlock: Pick<State, "silent" | "slow" | "octets"> = {
  silent: [body, "POP3_IDLE_TIMEOUT"],
  slow: [untilTooSlow(SLOW), "POP3_TOTAL_TIMEOUT"],
  octets: "12 345\r\n",
};

/** Those of a response whose block may be long. */
const long: State[] = [
  ...line(),
  { name: "after the first line", head: "+OK\r\n", ...inBlock },
  { name: "within the block", head: "+OK\r\n1 2\r\n3", ...inBlock },
];

const NO_CAPA: Answers = { CAPA: "-ERR\r\n" };
const HANDSHAKE: End = [tls, "POP3_TLS_TIMEOUT"];
/** The beginning of a record of TLS that never ends. */
const RECORD = "\x16\x03\x03\x3f\xff";

const CALLS: Readonly<Record<string, Call & { readonly states: readonly State[] }>> = {
  "connect: the handshake": {
    ...{ run: connect, greeting: "", options: { secure: true } },
    states: [
      { ...at("before it", "", HANDSHAKE, "\0"), slowHead: RECORD },
      at("within it", RECORD, HANDSHAKE, "\0"),
    ],
  },
  "connect: the greeting": {
    ...{ run: connect, greeting: "" },
    states: line([greeting, "POP3_GREETING_TIMEOUT"]),
  },
  "connect: CAPA": { run: connect, on: /^CAPA/, answers: {}, states: small },
  "connect: STLS": {
    ...{ run: connect, on: /^STLS/, answers: NO_CAPA, options: { stls: "required" } },
    states: line(),
  },
  "connect: the handshake after STLS": {
    ...{ run: connect, on: /^STLS/, reply: "+OK\r\n", answers: NO_CAPA, options: { stls: "required" } },
    states: [
      { ...at("before it", "", HANDSHAKE, "\0"), slowHead: RECORD },
      at("within it", RECORD, HANDSHAKE, "\0"),
    ],
  },
  "connect: USER": { run: connect, on: /^USER/, answers: NO_CAPA, states: line() },
  "connect: PASS": {
    ...{ run: connect, on: /^PASS/, answers: { ...NO_CAPA, USER: "+OK\r\n" } },
    states: line(),
  },
  "connect: CAPA after the login": {
    ...{ run: connect, on: /^PASS/, reply: "+OK\r\n", answers: { ...NO_CAPA, USER: "+OK\r\n" } },
    states: small,
  },
  "connect: AUTH": {
    ...{ run: connect, on: /^AUTH/, options: auth("PLAIN") },
    ...{ answers: { CAPA: "+OK\r\nSASL PLAIN\r\n.\r\n" }, states: line() },
  },
  "connect: a challenge": {
    ...{ run: connect, on: /^AUTH/, options: auth("CRAM-MD5") },
    answers: { CAPA: "+OK\r\nSASL CRAM-MD5\r\n.\r\n" },
    states: [at("within it", "+ ", [command, "POP3_COMMAND_TIMEOUT"])],
  },
  "connect: the reply to a response": {
    ...{ run: connect, on: /^[^AC]/, options: auth("CRAM-MD5"), states: line() },
    answers: { CAPA: "+OK\r\nSASL CRAM-MD5\r\n.\r\n", AUTH: "+ PDFAYT4=\r\n" },
  },
  authenticate: {
    ...{ answers: NO_CAPA, login: false, states: line() },
    run: (client) => client.authenticate({ user: "ann", pass: SECRET, mechanism: "USER" }),
  },
  user: { answers: NO_CAPA, login: false, states: line(), run: (client) => client.user("ann") },
  pass: { answers: NO_CAPA, login: false, states: line(), run: (client) => client.pass(SECRET) },
  apop: {
    ...{ answers: NO_CAPA, login: false, states: line(), greeting: "+OK <1@mail.test>\r\n" },
    run: (client) => client.apop("ann", SECRET),
  },
  utf8: { answers: NO_CAPA, login: false, states: line(), run: (client) => client.utf8() },
  stls: { answers: NO_CAPA, login: false, states: line(), run: (client) => client.stls() },
  stat: { states: line(), run: (client) => client.stat() },
  "list of one": { states: line(), run: (client) => client.list(1) },
  "uidl of one": { states: line(), run: (client) => client.uidl(1) },
  dele: { states: line(), run: (client) => client.dele(1) },
  "dele of several": { states: line(), run: (client) => client.dele([1, 2, 3]) },
  noop: { states: line(), run: (client) => client.noop() },
  rset: { states: line(), run: (client) => client.rset() },
  "lang with a tag": { states: line(), run: (client) => client.lang("en") },
  lang: { states: small, run: (client) => client.lang() },
  capa: { states: small, run: (client) => client.capa() },
  command: { states: line(), run: (client) => client.command("XTND") },
  "command with a block": { states: long, run: (client) => client.command("XTND", { multiline: true }) },
  list: { states: long, run: (client) => client.list() },
  uidl: { states: long, run: (client) => client.uidl() },
  retr: { states: long, run: (client) => client.retr(1) },
  top: { states: long, run: (client) => client.top(1, 5) },
  "supports UIDL": { states: long, run: (client) => client.supports("UIDL") },
  "supports TOP": { states: long, run: (client) => client.supports("TOP") },
  retrStream: { states: long, run: (client) => client.retrStream(1).toArray() },
  "retrieve: all": { states: long, run: (client) => client.retrieve().next() },
  "retrieve: a message": {
    states: long,
    run: async (client) => (await client.retrieve([1]).next()).value?.buffer(),
  },
  "retrieve: a stream": {
    states: long,
    run: async (client) => (await client.retrieve([1]).next()).value?.stream().toArray(),
  },
  "retrieve: headers": {
    states: long,
    run: async (client) => (await client.retrieve([1], { top: 0 }).next()).value?.buffer(),
  },
  "noop after an unclaimed message": {
    states: long,
    run: async (client) => {
      await client.retrieve([1]).next();
      await client.noop();
    },
  },
  "noop after an aborted message": {
    ...{ on: /^RETR/ },
    states: [
      ...line([drain, "POP3_ABANDONED"]),
      at("after the first line", "+OK\r\n", [drain, "POP3_ABANDONED"]),
    ],
    run: async (client) => {
      const give = new AbortController();
      const given = client.retr(1, { signal: give.signal }).catch(() => undefined);
      await settle();
      give.abort();
      await given;
      await client.noop();
    },
  },
  quit: { states: line([quit, "resolved"]), run: (client) => client.quit() },
  "quit with marks": {
    ...{ states: line([quit, "POP3_COMMIT_UNKNOWN"]), on: /^QUIT/ },
    answers: { DELE: "+OK\r\n" },
    run: async (client) => {
      await client.dele(1);
      await client.quit();
    },
  },
  "await using": {
    ...{ states: line([5000, "resolved"]) },
    run: (client) => client[Symbol.asyncDispose](),
  },
};

describe.each(Object.entries(CALLS))("%s", (_, call) => {
  describe.each(call.states.map((state) => [state.name, state] as const))("%s", (_name, state) => {
    test("ends in time with a silent server", async () => {
      const [deadline, code] = state.silent;
      const { outcome } = await begin(call, state.head);
      vi.advanceTimersByTime(deadline - 1);
      await settle();
      expect(outcome()).toBeUndefined();
      vi.advanceTimersByTime(2);
      await settle();
      expect(outcome()).toBe(code);
    });

    test("ends in time with a server that sends 33 bytes per second", async () => {
      const [deadline, code] = state.slow;
      const { server, outcome } = await begin(call, state.slowHead ?? state.head);
      const octets = repeated(state.octets, SLOW);
      const early = Math.floor((deadline - 1) / SECOND) * SECOND;
      await pass(server, early, SECOND, octets);
      expect(outcome()).toBeUndefined();
      await pass(server, 2 * SECOND, SECOND, octets);
      expect(outcome()).toBe(code);
    });
  });
});

describe("a waiting call ends with the call before it", () => {
  test.each([
    ["a listing", (client: Pop3Client) => client.list()],
    ["a message", (client: Pop3Client) => client.retr(1)],
  ])("which is %s", async (_name, first) => {
    const run = async (client: Pop3Client): Promise<void> => {
      first(client).catch(() => undefined);
      await client.noop();
    };
    const { server, outcome, error } = await begin({ run }, "+OK\r\n");
    await pass(server, untilTooSlow(SLOW) + SECOND, SECOND, repeated("12 345\r\n", SLOW));
    expect(outcome()).toBe("POP3_TOTAL_TIMEOUT");
    expect(error()).toMatchObject({ command: "NOOP", limit: "limits.minRate" });
    expect(error()?.message).toContain("it came more slowly than 512 bytes per second (limits.minRate)");
  });
});
