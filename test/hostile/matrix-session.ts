// The session of the fault matrix: every line, the correct answer, the call, and the expected result.
import type { Pop3Client } from "popwright";
import { base64, SECRET } from "../support/secret.ts";
import { MIB } from "../support/large-message.ts";
import { capaAnswer, honestAnswer } from "../support/maildrop-script.ts";
import type { Protection } from "../support/scripted-server.ts";

/** One call of the session. */
export interface Call {
  readonly line: string;
  /** Gives what can be compared. */
  readonly run: (client: Pop3Client) => Promise<unknown>;
  /** What it resolves with, by the octets of the answer as they were sent. @default what the honest answer says */
  readonly wants: (answer: string) => unknown;
}

/** The outcome of a stream that was left because it brings too much to read. */
export const LEFT: unique symbol = Symbol("left");

/** A message with dots to be doubled, and lines that nearly end it. */
const DOTTED = ".\r\n..\r\n.x\r\n\n.\n\r.\r+OK\r\n";
/** The dots that begin a line: only CRLF ends one. */
const LEADING = /(?<=^|\r\n)\./g;
const ANSWERS: Readonly<Record<string, string>> = {
  "RETR 2": `+OK\r\n${DOTTED.replaceAll(LEADING, "..")}.\r\n`,
  XTND: "+OK two lines\r\none\r\n..two\r\n.\r\n",
};

const content = (answer: string): string =>
  answer.slice(answer.indexOf("\r\n") + 2, answer.indexOf("\r\n.\r\n") + 2).replaceAll(LEADING, "");

/** A stream settles once, too: with `end` or `error`, and then `close`. */
function takeStream(client: Pop3Client, message: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const ends: (Error | undefined)[] = [];
    let size = 0;
    const stream = client.retrStream(message);
    stream.on("data", (piece: Buffer) => {
      pieces.push(piece);
      if ((size += piece.length) > MIB) stream.destroy();
    });
    stream.on("end", () => ends.push(undefined));
    stream.on("error", (error) => ends.push(error));
    stream.on("close", () => {
      setImmediate(() => {
        if (ends.length > 1) reject(new Error("a stream has ended twice", { cause: ends }));
        else if (ends.length === 0) resolve(LEFT);
        else if (ends[0] === undefined) resolve(Buffer.concat(pieces).toString("latin1"));
        else reject(ends[0]);
      });
    });
  });
}

const always = (value: unknown) => (): unknown => value;
const latin1 = (octets: Buffer | undefined): string | undefined => octets?.toString("latin1");

/** The calls after the login, in order. */
export const CALLS: readonly Call[] = [
  { line: "STAT", run: (client) => client.stat(), wants: always({ count: 2, size: 100 }) },
  {
    line: "LIST",
    run: async (client) => [...(await client.list())],
    wants: always([
      [1, 50],
      [2, 50],
    ]),
  },
  {
    line: "UIDL",
    run: async (client) => [...(await client.uidl())],
    wants: always([
      [1, "uid-1"],
      [2, "uid-2"],
    ]),
  },
  { line: "LIST 1", run: (client) => client.list(1), wants: always(50) },
  { line: "UIDL 1", run: (client) => client.uidl(1), wants: always("uid-1") },
  { line: "RETR 1", run: async (client) => latin1(await client.retr(1)), wants: content },
  { line: "RETR 2", run: (client) => takeStream(client, 2), wants: content },
  { line: "TOP 1 0", run: async (client) => latin1(await client.top(1)), wants: content },
  {
    line: "XTND",
    run: async (client) => latin1((await client.command("XTND", { multiline: true })).block),
    wants: content,
  },
  { line: "NOOP", run: (client) => client.noop(), wants: always(undefined) },
  { line: "RSET", run: (client) => client.rset(), wants: always(undefined) },
  { line: "DELE 1", run: (client) => client.dele(1), wants: always(undefined) },
  { line: "ECHO x", run: async (client) => (await client.command("ECHO x")).text, wants: always("x") },
  { line: "QUIT", run: (client) => client.quit(), wants: always(undefined) },
];

/** As a raw server reads it: an octet, a character. */
const PASS = `PASS ${Buffer.from(SECRET).toString("latin1")}`;

export type Mechanism = "USER" | "LOGIN";
export const LOGINS: Readonly<Record<Mechanism, readonly string[]>> = {
  USER: ["USER ann", PASS],
  LOGIN: ["AUTH LOGIN", base64("ann"), base64(SECRET)],
};
const PROMPTS: Readonly<Record<string, string>> = {
  "AUTH LOGIN": "+ VXNlcjo=\r\n",
  [base64("ann")]: "+ UGFzczo=\r\n",
};

/** How the calls are made: each after the answer to the one before, or all at once. */
export type Mode = "single calls" | "pipelined calls";

/** How a session is set up. */
export interface Course {
  readonly protection: Protection;
  readonly mode: Mode;
  readonly mechanism: Mechanism;
  readonly lines: readonly string[];
}

/** In place of a line: the greeting, which answers none, and the handshake of TLS. */
export const GREETING = "";
export const HANDSHAKE = "(TLS)";

/** The lines of a session, in order, and where TLS begins. */
export function linesOf(protection: Protection, mechanism: Mechanism): readonly string[] {
  return [
    ...(protection === "tls" ? [HANDSHAKE] : []),
    ...[GREETING, "CAPA"],
    ...(protection === "stls" ? ["STLS", HANDSHAKE, "CAPA"] : []),
    ...[...LOGINS[mechanism], "CAPA"],
    ...CALLS.map(({ line }) => line),
  ];
}

export function answerTo(line: string, mode: Mode): string {
  if (line === GREETING) return "+OK ready\r\n";
  if (line === "CAPA" && mode === "pipelined calls") {
    return capaAnswer("STLS", "SASL LOGIN", "UIDL", "PIPELINING");
  }
  if (line === "STAT") return "+OK 2 100\r\n";
  if (line.startsWith("LIST")) return line === "LIST" ? "+OK\r\n1 50\r\n2 50\r\n.\r\n" : "+OK 1 50\r\n";
  return ANSWERS[line] ?? PROMPTS[line] ?? honestAnswer(line, { count: 2, pipelining: false });
}

/** A line as it may be printed. */
export function shown(line: string): string {
  if (line === GREETING) return "the greeting";
  if (line === HANDSHAKE) return "the handshake";
  return `the answer to ${line.replace(PASS, "PASS ****").replace(base64(SECRET), "****").replace(base64("ann"), "the name")}`;
}
