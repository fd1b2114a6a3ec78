// Parses one line of the client into verb and arguments, and gives a form without secrets to print.
import { isUtf8 } from "node:buffer";
import type { Charset } from "./accounts.ts";
import { escaped } from "./escapes.ts";

/** One line of the client: a command, the response to a challenge, or an invalid line. */
export interface ClientLine {
  /**
   * The verb in upper case. `AUTH-RESPONSE` is the response to a challenge, `AUTH-CANCEL` the `*` that
   * cancels AUTH, `""` an invalid line.
   */
  readonly verb: string;
  /** The text after the verb and its space. For the response to a challenge: the whole line. */
  readonly text: string;
  /** The length in octets, including CRLF. */
  readonly octets: number;
  /** The line without secrets, with control characters escaped. */
  readonly printable: string;
}

const MASK = "****";

/** All commands whose arguments are never secret. */
const OPEN: ReadonlySet<string> = new Set(
  "USER STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT CAPA STLS UTF8 LANG".split(" "),
);

/** All commands of the server. */
export const VERBS: readonly string[] = [...OPEN, "PASS", "APOP", "AUTH"];

/** An invalid line: it is too long, or contains NUL or a bare LF. */
export const BROKEN: ClientLine = { verb: "", text: "", octets: 0, printable: "(invalid line)" };

/** Parses a command line without its CRLF. `charset`: of its arguments; invalid octets become U+FFFD. */
export function commandOf(line: Buffer, charset: Charset): ClientLine {
  const encoding = isUtf8(line) ? "utf8" : "latin1";
  const all = line.toString(encoding);
  const verb = (all.split(" ", 1)[0] ?? "").toUpperCase();
  const space = line.indexOf(" ");
  const text = space === -1 ? "" : line.toString(charset, space + 1);
  const shown = all.slice(verb.length + 1);
  const printable = escaped(Buffer.from(masked(verb, shown), encoding));
  return { verb, text, octets: line.length + 2, printable };
}

export function authResponseOf(line: Buffer): ClientLine {
  const text = line.toString("latin1");
  const octets = line.length + 2;
  if (text === "*") return { verb: "AUTH-CANCEL", text, octets, printable: text };
  return { verb: "AUTH-RESPONSE", text, octets, printable: MASK };
}

function masked(verb: string, text: string): string {
  if (OPEN.has(verb)) return text === "" ? verb : `${verb} ${text}`;
  const [first = "", ...rest] = text.split(" ");
  if (verb === "APOP" || verb === "AUTH") {
    if (rest.length > 0) return `${verb} ${first} ${MASK}`;
    return first === "" ? verb : `${verb} ${first}`;
  }
  // The line may be a late response to a challenge, so only a word that looks like a verb is shown. `*`
  // cancels AUTH and is shown too.
  const shown = /^(?:[A-Z]{3,4}|\*)$/.test(verb) ? verb : MASK;
  return text === "" ? shown : `${shown} ${MASK}`;
}
