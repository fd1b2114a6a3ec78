// Plays the client's lines to a session without sockets, and writes down both sides as the RFC does.
import { Accounts, type Pop3ServerUser } from "../../src/testing/accounts.ts";
import { offerOf } from "../../src/testing/offer.ts";
import type { TlsFacts } from "../../src/testing/mechanisms/mechanism.ts";
import type { Pop3ServerOptions } from "../../src/testing/options.ts";
import { Session } from "../../src/testing/session.ts";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";

export const TIMESTAMP = "<1896.697170952@dbc.mtview.ca.us>";

/** Two messages: one with dots at the start of lines, one whose last line is unfinished. */
export const ann: Pop3ServerUser = {
  pass: "se cret",
  messages: ["Subject: one\r\n\r\nfirst\r\n.second\r\n", "Subject: two\r\n\r\nlast"],
};

const NO_FACTS: TlsFacts = { channelBinding: () => undefined, clientName: undefined };

export interface Setting extends Pop3ServerOptions {
  /** TLS is up from the start. */
  readonly secure?: boolean;
  /** What TLS tells. */
  readonly facts?: Partial<TlsFacts>;
  readonly accounts?: Accounts;
}

/** A session with the user `ann`, unless told otherwise. */
export function sessionOf(setting: Setting = {}): Session {
  const accounts =
    setting.accounts ?? new Accounts(setting.users ?? { ann }, setting.lock ?? true, setting.charset);
  const timestamp = setting.apop === false ? undefined : TIMESTAMP;
  const session = new Session(offerOf(setting), accounts, timestamp);
  if (setting.secure === true) session.tlsStarted({ ...NO_FACTS, ...setting.facts });
  return session;
}

/** Gives the session octets of the client, and returns what it says to them. */
export function hear(session: Session, octets: Buffer | string): string[] {
  session.receive(Buffer.from(octets));
  const said: string[] = [];
  for (let line = session.next(); line !== undefined; line = session.next()) {
    const answer = session.answer(line);
    said.push(`S: ${answer.line}`);
    if (answer.block !== undefined) {
      const lines = encodeBlock(answer.block).toString("latin1").split("\r\n").slice(0, -1);
      said.push(...lines.map((each) => `S: ${each}`));
    }
    if (answer.then !== undefined) {
      said.push(`* ${answer.then}`);
      if (answer.then === "close") break;
      session.tlsStarted(NO_FACTS);
    }
  }
  return said;
}

/**
 * Says every `C:` line of a written dialogue to the session. Returns the dialogue as it went, to be compared with
 * the written one.
 */
export function play(session: Session, written: string): string[] {
  const went: string[] = [];
  for (const line of linesOf(written)) {
    if (line.startsWith("C: ")) went.push(line, ...hear(session, `${line.slice(3)}\r\n`));
  }
  return went;
}

/** The lines of a dialogue that is written with indentation; `‹…›` stands for the base64 of what is in it. */
export function linesOf(written: string): string[] {
  return written
    .split("\n")
    .map((line) => line.trimStart())
    .filter((line) => line !== "")
    .map((line) => line.replace(/‹(.*)›/g, (_, text: string) => Buffer.from(text).toString("base64")));
}

/** What a line of the session says in base64: the challenge. */
export function challengeOf(line: string | undefined): string {
  return Buffer.from(/^S: \+ (.*)$/.exec(line ?? "")?.[1] ?? "", "base64").toString();
}
