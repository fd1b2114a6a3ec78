// Parses a transcript into sessions. Each session lists what the server sends after each line of the client.
import { configError } from "../options/checks.ts";
import { unescaped } from "./escapes.ts";
import { Expectation } from "./expectation.ts";
import { ENDS, type FaultEnd } from "./fault.ts";
import { printable } from "../protocol/printable.ts";

/** Bytes that the server sends: given bytes, a message of a given size, or bytes repeated without end. */
export type Saying = { readonly octets: Buffer } | { readonly message: number } | { readonly flood: Buffer };

/**
 * A step of the server: it sends bytes, waits for milliseconds, or starts TLS. `tls`: the number of that
 * line.
 */
export type Act = Saying | { readonly wait: number } | { readonly tls: number };

/** The steps of the server after a line of the client. The first turn follows the connection itself. */
export interface Turn {
  readonly expected: Expectation | undefined;
  readonly acts: readonly Act[];
  readonly end: FaultEnd | undefined;
}

export interface Script {
  readonly turns: readonly Turn[];
  /** The number of the last line of the session. */
  readonly lastLine: number;
  /** Whether the last line of the server is a challenge (RFC 5034 section 4). */
  readonly challenged: boolean;
}

/** A line: the side (`C` or `S`) and its text, or a note on the connection. */
const LINE = /^\s*(?:([CS]):(?: (.*))?|\*[ \t]+(.*))$/s;

/**
 * Parses a transcript. Throws `POP3_CONFIG` with the number of the first invalid line. Line numbers start at
 * 1.
 */
export function parseTranscript(text: string): Script[] {
  const scripts: Script[] = [];
  let session: SessionReader | undefined;
  for (const [index, ended] of text.split("\n").entries()) {
    const line = ended.replace(/\r$/, "");
    if (/^\s*#/.test(line)) continue;
    if (line.trim() === "") {
      if (session !== undefined) scripts.push(session);
      session = undefined;
      continue;
    }
    session ??= new SessionReader();
    session.read(line, index + 1);
  }
  if (session !== undefined) scripts.push(session);
  if (scripts.length === 0)
    throw configError(
      'the transcript has no session: it must have at least one line of the server ("S: +OK")',
    );
  return scripts;
}

class SessionReader implements Script {
  readonly turns: OpenTurn[] = [];
  lastLine = 0;
  challenged = false;
  #tls = false;
  /** The note that must be the last line of the session. */
  #last: string | undefined;

  read(line: string, number: number): void {
    this.lastLine = number;
    const [, side, said = "", note = ""] =
      LINE.exec(line) ?? this.#wrong('the line must begin with "C: ", "S: ", "* " or "#"');
    if (this.#last !== undefined && (this.#last !== "flood" || side !== undefined))
      this.#wrong(`nothing can follow "* ${printable(this.#last)}"`);
    if (side === "C") this.#client(said);
    else if (side === "S") this.#server(said);
    else this.#note(note);
  }

  #client(said: string): void {
    if (this.turns.length === 0)
      this.#wrong("a session must begin with the server; an empty line separates two sessions");
    const expected = new Expectation(this.lastLine, said, this.challenged);
    this.turns.push({ expected, acts: [], end: undefined });
    this.challenged = false;
  }

  #server(said: string): void {
    const [, size] = /^\((\d+) octets\)$/.exec(said) ?? [];
    this.challenged = /^\+(?: |$)/.test(said);
    if (size !== undefined) this.#act({ message: this.#size(Number(size)) });
    else if (said === "." && this.#endsInMessage())
      this.#wrong('"." must not follow "(N octets)", which includes it');
    else if (said.endsWith("\\")) this.#act({ octets: unescaped(said.slice(0, -1)) });
    else this.#act({ octets: unescaped(`${said}\r\n`) });
  }

  #note(note: string): void {
    const [, word = "", text = ""] = /^(\S+) ?(.*)$/s.exec(note) ?? [];
    const verb = word.toLowerCase();
    const rest = text.trim();
    const end = ENDS.find((kind) => kind === verb);
    if (this.#last === "flood" && end === undefined)
      this.#wrong('only "* close", "* cut", "* reset" or "* stall" can follow "* flood"');
    if (end !== undefined)
      this.#end(
        end,
        rest === "" ? Infinity : this.#number(rest, "after N octets", /^after (\d{1,15}) octets?$/),
      );
    else if (verb === "failed:") this.#end("cut", Infinity);
    else if (verb === "tls") this.#startTls();
    else if (verb === "wait")
      this.#act({ wait: this.#number(rest, "N ms", /^(\d+(?:\.\d+)?|Infinity) ms$/) });
    else if (verb === "flood") this.#flood(text);
    else this.#wrong(rest.endsWith(" are not kept") ? "the transcript is not complete" : "unknown note");
  }

  #startTls(): void {
    if (this.#tls) this.#wrong("TLS is already active");
    this.#tls = true;
    this.#act({ tls: this.lastLine });
  }

  #flood(text: string): void {
    if (text === "") this.#wrong("a flood must have at least one byte");
    this.#act({ flood: unescaped(text) });
    this.#last = "flood";
  }

  #act(act: Act): void {
    this.#turn().acts.push(act);
  }

  #end(kind: FaultEnd["kind"], after: number): void {
    this.#turn().end = { kind, after };
    this.#last = kind;
  }

  #turn(): OpenTurn {
    if (this.turns.length === 0) this.turns.push({ expected: undefined, acts: [], end: undefined });
    return this.turns.at(-1) as OpenTurn;
  }

  #endsInMessage(): boolean {
    const last = this.turns.at(-1)?.acts.at(-1);
    return last !== undefined && "message" in last;
  }

  /** A message ends with CRLF, so its size is never 1. */
  #size(octets: number): number {
    if (octets === 1 || !Number.isSafeInteger(octets))
      this.#wrong(`${String(octets)} octets is not a possible size of a message`);
    return octets;
  }

  #number(text: string, form: string, pattern: RegExp): number {
    const [, digits] =
      pattern.exec(text) ?? this.#wrong(`the note must have the form "${form}" after its first word`);
    return Number(digits);
  }

  #wrong(why: string): never {
    throw configError(`line ${String(this.lastLine)} of the transcript: ${why}`);
  }
}

interface OpenTurn {
  readonly expected: Expectation | undefined;
  readonly acts: Act[];
  end: FaultEnd | undefined;
}
