// A transcript, read: the sessions in it, and for each what is sent when. The numbers of its lines begin with 1.
import { Pop3Error } from "../errors.ts";
import { unescaped } from "./escapes.ts";
import { Expectation } from "./expectation.ts";
import { ENDS, type FaultEnd } from "./faults.ts";

/** Something that the server says: octets as they are, a message of so many octets, octets without end. */
export type Saying = { readonly octets: Buffer } | { readonly message: number } | { readonly flood: Buffer };

/** Something that the server does: it says something, lets milliseconds pass, or starts TLS, in a line's number. */
export type Act = Saying | { readonly wait: number } | { readonly tls: number };

/** What the server does once the client has said a line; first of all, once it is there. */
export interface Turn {
  readonly expected: Expectation | undefined;
  readonly acts: readonly Act[];
  readonly end: FaultEnd | undefined;
}

export interface Script {
  readonly turns: readonly Turn[];
  /** The number of its last line. */
  readonly lastLine: number;
  /** Whether the last that the server says is a challenge (RFC 5034 section 4). */
  readonly challenged: boolean;
}

/** What a line tells: of the client or the server, what it says; or what happens to the connection. */
const LINE = /^\s*(?:([CS]):(?: (.*))?|\*[ \t]+(.*))$/s;

/** Throws `POP3_CONFIG` with the number of the line that makes no sense. */
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
  if (scripts.length === 0) throw new Pop3Error("POP3_CONFIG", "there is no session in the transcript");
  return scripts;
}

class SessionReader implements Script {
  readonly turns: OpenTurn[] = [];
  lastLine = 0;
  challenged = false;
  #tls = false;
  /** What nothing can follow. */
  #last: string | undefined;

  read(line: string, number: number): void {
    this.lastLine = number;
    const [, side, said = "", note = ""] = LINE.exec(line) ?? this.#wrong('no "C: ", "S: ", "* " or "#"');
    if (this.#last !== undefined && (this.#last !== "flood" || side !== undefined))
      this.#wrong(`nothing can follow "* ${this.#last}"`);
    if (side === "C") this.#client(said);
    else if (side === "S") this.#server(said);
    else this.#note(note);
  }

  #client(said: string): void {
    if (this.turns.length === 0)
      this.#wrong("a session begins with the server; an empty line begins a session");
    const expected = new Expectation(this.lastLine, said, this.challenged);
    this.turns.push({ expected, acts: [], end: undefined });
    this.challenged = false;
  }

  #server(said: string): void {
    const [, size] = /^\((\d+) octets\)$/.exec(said) ?? [];
    this.challenged = /^\+(?: |$)/.test(said);
    if (size !== undefined) this.#act({ message: this.#size(Number(size)) });
    else if (said === "." && this.#endsInMessage()) this.#wrong("the message has its last line already");
    else if (said.endsWith("\\")) this.#act({ octets: unescaped(said.slice(0, -1)) });
    else this.#act({ octets: unescaped(`${said}\r\n`) });
  }

  #note(note: string): void {
    const [, word = "", text = ""] = /^(\S+) ?(.*)$/s.exec(note) ?? [];
    const verb = word.toLowerCase();
    const rest = text.trim();
    const end = ENDS.find((kind) => kind === verb);
    if (this.#last === "flood" && end === undefined) this.#wrong('nothing but an end can follow "* flood"');
    if (end !== undefined)
      this.#end(end, rest === "" ? Infinity : this.#number(rest, "octets", /^after (\d{1,15}) octets?$/));
    else if (verb === "failed:") this.#end("cut", Infinity);
    else if (verb === "tls") this.#startTls();
    else if (verb === "wait")
      this.#act({ wait: this.#number(rest, "milliseconds", /^(\d+(?:\.\d+)?|Infinity) ms$/) });
    else if (verb === "flood") this.#flood(text);
    else
      this.#wrong(
        rest.endsWith(" are not kept") ? "the transcript is not whole" : "nobody can play this note",
      );
  }

  #startTls(): void {
    if (this.#tls) this.#wrong("TLS is up already");
    this.#tls = true;
    this.#act({ tls: this.lastLine });
  }

  #flood(text: string): void {
    if (text === "") this.#wrong("a flood has at least one octet");
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

  /** The last line of a message is complete, so there is none of a single octet. */
  #size(octets: number): number {
    if (octets === 1 || !Number.isSafeInteger(octets)) this.#wrong("no message has so many octets");
    return octets;
  }

  #number(text: string, unit: string, pattern: RegExp): number {
    const [, digits] = pattern.exec(text) ?? this.#wrong(`no number of ${unit}`);
    return Number(digits);
  }

  #wrong(why: string): never {
    throw new Pop3Error("POP3_CONFIG", `line ${String(this.lastLine)} of the transcript: ${why}`);
  }
}

interface OpenTurn {
  readonly expected: Expectation | undefined;
  readonly acts: Act[];
  end: FaultEnd | undefined;
}
