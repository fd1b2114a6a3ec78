// Records sessions as text: the lines of the client and the server, without secrets and without messages.
// script.ts parses the text, so that a replay can play it.
import { encodeBlock } from "../protocol/dot-encoder.ts";
import { escaped } from "./escapes.ts";

/** The maximum number of lines kept; the oldest session is dropped first. */
const LINES = 100_000;

/** The maximum lines of a listing, and the maximum raw bytes, that are recorded in full. */
const LISTING_LINES = 10_000;
const RAW_OCTETS = 16 * 1024;

const CRLF: Buffer = Buffer.from("\r\n", "latin1");

/**
 * The sessions of a server as lines of text: `C: RETR 1`, `S: +OK 5120 octets`, `S: (5120 octets)` for a
 * message, and notes on the connection such as `* TLS`. Secrets are shown as `****`. Keeps the last 100,000
 * lines. `Pop3Server.replay` plays it.
 */
export class Transcript {
  readonly #sessions: Set<string[]> = new Set();
  #count = 0;

  /** The lines of each session, in the order in which the sessions started. */
  get sessions(): readonly (readonly string[])[] {
    return Array.from(this.#sessions, (lines) => [...lines]);
  }

  /** The lines of all sessions in one list. */
  get lines(): readonly string[] {
    return this.sessions.flat();
  }

  /** Returns all lines as text, with an empty line between two sessions. */
  toString(): string {
    return this.sessions.map((lines) => lines.join("\n")).join("\n\n");
  }

  /** Starts the transcript of a new session. */
  session(): SessionTranscript {
    const lines: string[] = [];
    this.#sessions.add(lines);
    return new SessionTranscript((line) => {
      this.#add(lines, line);
    });
  }

  #add(lines: string[], line: string): void {
    if (!this.#sessions.has(lines)) return;
    lines.push(line);
    if (++this.#count <= LINES) return;
    const [oldest = lines] = this.#sessions;
    if (oldest === lines) {
      this.#count -= oldest.splice(0, LINES / 2, `* ${String(LINES / 2)} lines are not kept`).length - 1;
    } else {
      this.#sessions.delete(oldest);
      this.#count -= oldest.length;
    }
  }
}

/** Records one session. */
export class SessionTranscript {
  readonly #add: (line: string) => void;

  constructor(add: (line: string) => void) {
    this.#add = add;
  }

  /** Records a line of the client, given without its secrets. */
  client(line: string): void {
    this.#add(`C: ${line}`);
  }

  /** Records a line of the server, given without CRLF. */
  server(line: string): void {
    this.raw(Buffer.from(`${line}\r\n`, "utf8"));
  }

  /** Records a message. `octets`: its size before byte-stuffing. */
  block(octets: number): void {
    this.#add(`S: (${String(octets)} octets)`);
  }

  /**
   * Records a listing, given before byte-stuffing. It is written in full, as it shows no content of messages.
   */
  listing(block: Buffer): void {
    const lines = encodeBlock(block).toString("latin1").split("\r\n").slice(0, -1);
    if (lines.length > LISTING_LINES) this.block(block.length);
    else for (const line of lines) this.#line(Buffer.from(line, "latin1"), "");
  }

  /** Records bytes that are not necessarily lines. */
  raw(octets: Buffer): void {
    const kept = octets.subarray(0, RAW_OCTETS);
    let from = 0;
    for (let end = kept.indexOf(CRLF); end !== -1; end = kept.indexOf(CRLF, from)) {
      this.#line(kept.subarray(from, end), "");
      from = end + CRLF.length;
    }
    if (from < kept.length || kept.length === 0) this.#line(kept.subarray(from), "\\");
    if (kept.length < octets.length) this.note(`${String(octets.length - kept.length)} octets are not kept`);
  }

  /** Records an event of the connection. */
  note(text: string): void {
    this.#add(`* ${text}`);
  }

  /** `end`: a backslash if the line has no CRLF. Escapes a line that looks like the size of a message. */
  #line(octets: Buffer, end: "" | "\\"): void {
    const text = escaped(octets).replace(/^\((?=\d+ octets\)$)/, "\\x28");
    this.#add(`S: ${text}${end}`);
  }
}
