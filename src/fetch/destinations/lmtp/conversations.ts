// What is said to a mail server in addition to what nodemailer says: OAuth2, and whether it would take mail.
import { printable } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";

/** A reply that refuses, in the form of nodemailer's errors. */
export class Refused extends Error {
  readonly command: string;
  readonly response: string;
  readonly responseCode: number;

  constructor(command: string, response: string) {
    super(printable(response));
    this.command = command;
    this.response = response;
    this.responseCode = Number.parseInt(response, 10);
  }
}

/** Sends a line, and returns the reply. */
export type Say = (line: string) => Promise<string>;
/** A sign-in with an OAuth2 token. */
interface TokenSignIn {
  readonly user: string;
  readonly token: string;
  /** Returns another token, if the server refuses the first one: it may have expired just now. */
  readonly again: (() => Promise<string>) | undefined;
}

/** Signs in with XOAUTH2. What is sent is added to `secrets`. Rejects with {@link Refused}. */
export async function xoauth2(
  say: Say,
  { user, token, again }: TokenSignIn,
  secrets: Secrets,
): Promise<void> {
  const proof = base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`);
  secrets.add(proof);
  const first = await say(`AUTH XOAUTH2 ${proof}`);
  // The reason of a refusal, to which the client answers with an empty line.
  const reply = first.startsWith("334") ? await say("") : first;
  if (reply.startsWith("2")) return;
  if (again === undefined) throw new Refused("AUTH XOAUTH2", reply);
  return xoauth2(say, { user, token: await again(), again: undefined }, secrets);
}

/** Asks whether the server would take mail for a recipient. Sends none. Rejects with {@link Refused}. */
export async function tryRecipient(say: Say, sender: string, recipient: string): Promise<void> {
  for (const [command, line] of [
    ["MAIL FROM", `MAIL FROM:<${sender}>`],
    ["RCPT TO", `RCPT TO:<${recipient}>`],
    ["RSET", "RSET"],
  ] as const) {
    const reply = await say(line);
    if (!reply.startsWith("2")) throw new Refused(command, reply);
  }
}

/** As SASL has it in a line (RFC 4954). */
export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
