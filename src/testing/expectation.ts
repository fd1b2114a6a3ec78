// A line of the client that a transcript waits for: the verb counts in any case, `****` stands for anything.
import { authResponseOf, BROKEN, commandOf } from "./client-line.ts";
import { unescaped } from "./escapes.ts";

const ANYTHING = "****";

export class Expectation {
  /** Its line in the transcript, from 1 on. */
  readonly line: number;
  /** In upper case; `AUTH-RESPONSE` or `AUTH-CANCEL` for what answers a challenge. */
  readonly verb: string;
  /** Without secrets, and safe to print. */
  readonly printable: string;
  /** Whether it answers a challenge. */
  readonly response: boolean;
  /** Of the line as Latin-1, so that an octet is a character; `undefined` for what is no line. */
  readonly #pattern: RegExp | undefined;

  /** `text`: what stands behind `C: `. */
  constructor(line: number, text: string, response: boolean) {
    this.line = line;
    this.response = response;
    const { verb, printable } = read(unescaped(text), response);
    const broken = text === BROKEN.printable;
    this.verb = verb;
    this.printable = broken ? text : printable;
    if (!broken) this.#pattern = patternOf(text, response);
  }

  /** `octets`: without CRLF, or `null` for what is no line. */
  matches(octets: Buffer | null): boolean {
    if (octets === null) return this.#pattern === undefined;
    const text = octets.toString("latin1");
    // Who gives up has not answered.
    if (this.response && text === "*") return this.verb === "AUTH-CANCEL";
    return this.#pattern?.test(this.response ? text : withUpperVerb(text)) === true;
  }
}

/** What of a line may be printed; `null` is none. `response`: whether it answers a challenge. */
export function printed(octets: Buffer | null, response: boolean): string {
  return (octets === null ? BROKEN : read(octets, response)).printable;
}

function read(octets: Buffer, response: boolean): typeof BROKEN {
  return response ? authResponseOf(octets) : commandOf(octets, "utf8");
}

/** Spaces at the end are no difference: a transcript does not show them. */
function patternOf(text: string, response: boolean): RegExp {
  const pieces = text.split(ANYTHING).map((piece) => unescaped(piece).toString("latin1"));
  const [first = "", ...rest] = pieces;
  const source = [response ? first : withUpperVerb(first), ...rest].map(literally).join("[^]*");
  return new RegExp(`^${source.trimEnd()} *$`);
}

const withUpperVerb = (text: string): string => text.replace(/^[a-z]+/i, (verb) => verb.toUpperCase());

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
