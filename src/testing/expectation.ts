// A client line in a transcript: compares it with the real line. The verb may be in any case; `****` matches
// any text.
import { authResponseOf, BROKEN, commandOf } from "./client-line.ts";
import { unescaped } from "./escapes.ts";

const ANYTHING = "****";

/** How transcripts of version 0.1.0 mark an invalid line. */
const OLD_MARK = "(no line of the protocol)";

export class Expectation {
  /** The number of the line in the transcript, from 1. */
  readonly line: number;
  /** The verb in upper case; `AUTH-RESPONSE` or `AUTH-CANCEL` for the response to a challenge. */
  readonly verb: string;
  /** The line without secrets, with control characters escaped. */
  readonly printable: string;
  /** Whether the line is the response to a challenge. */
  readonly response: boolean;
  /**
   * Matches the line as Latin-1, so that each byte is one character. `undefined`: expects an invalid line.
   */
  readonly #pattern: RegExp | undefined;

  /** `text`: the text after `C: `. */
  constructor(line: number, text: string, response: boolean) {
    this.line = line;
    this.response = response;
    const { verb, printable } = read(unescaped(text), response);
    const broken = text === BROKEN.printable || text === OLD_MARK;
    this.verb = verb;
    this.printable = broken ? text : printable;
    if (!broken) this.#pattern = patternOf(text, response);
  }

  /** `octets`: the line without CRLF, or `null` for an invalid line. */
  matches(octets: Buffer | null): boolean {
    if (octets === null) return this.#pattern === undefined;
    const text = octets.toString("latin1");
    // `*` cancels AUTH: it is not a response, so `****` does not match it.
    if (this.response && text === "*") return this.verb === "AUTH-CANCEL";
    return this.#pattern?.test(this.response ? text : withUpperVerb(text)) === true;
  }
}

/**
 * Returns a line without its secrets; `null` is an invalid line. `response`: whether it responds to a
 * challenge.
 */
export function printed(octets: Buffer | null, response: boolean): string {
  return (octets === null ? BROKEN : read(octets, response)).printable;
}

function read(octets: Buffer, response: boolean): typeof BROKEN {
  return response ? authResponseOf(octets) : commandOf(octets, "utf8");
}

/** Ignores spaces at the end: a transcript does not show them. */
function patternOf(text: string, response: boolean): RegExp {
  const pieces = text.split(ANYTHING).map((piece) => unescaped(piece).toString("latin1"));
  const [first = "", ...rest] = pieces;
  const source = [response ? first : withUpperVerb(first), ...rest].map(literally).join("[^]*");
  // Other blanks are shown, as escapes.
  return new RegExp(`^${source.replace(/(?<! ) +$/, "")} *$`);
}

const withUpperVerb = (text: string): string => text.replace(/^[a-z]+/i, (verb) => verb.toUpperCase());

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
