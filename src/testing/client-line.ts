// A line of the client: its verb, its arguments as one text, and what of it may be printed.
import { isUtf8 } from "node:buffer";
import type { Charset } from "./accounts.ts";
import { escaped } from "./escapes.ts";

/** What the client sent: a command, an answer to a challenge, or what is no line at all. */
export interface ClientLine {
  /**
   * In upper case; `AUTH-RESPONSE` for the answer to a challenge, `AUTH-CANCEL` for the `*` that gives up instead,
   * `""` for what is no line.
   */
  readonly verb: string;
  /** What follows the verb and its space; all of an answer to a challenge. */
  readonly text: string;
  /** How many octets it has, CRLF included. */
  readonly octets: number;
  /** Without secrets, and safe to print. */
  readonly printable: string;
}

const MASK = "****";

/** The commands whose arguments are no secret, all of them. */
const OPEN: ReadonlySet<string> = new Set(
  "USER STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT CAPA STLS UTF8 LANG".split(" "),
);

/** The line breaks the protocol: too long, or with a NUL or a bare LF in it. */
export const BROKEN: ClientLine = { verb: "", text: "", octets: 0, printable: "(no line of the protocol)" };

/** `line` without its CRLF. `charset`: of its arguments; octets that are not of it become U+FFFD. */
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
    return rest.length > 0 ? `${verb} ${first} ${MASK}` : `${verb} ${first}`.trimEnd();
  }
  // A stray answer to a challenge may stand where a verb should: only what looks like a verb is shown, and the
  // asterisk of who gives up.
  const shown = /^(?:[A-Z]{3,4}|\*)$/.test(verb) ? verb : MASK;
  return text === "" ? shown : `${shown} ${MASK}`;
}
