// What was said, as text: lines of the client and of the server, without secrets and without messages. What it
// writes, a replay can play: script.ts reads it.
import { encodeBlock } from "../protocol/dot-encoder.ts";
import { escaped } from "./escapes.ts";

/** The most lines that are kept; the oldest session goes first. */
const LINES = 100_000;

/** The most lines of a listing, and octets of what may be no lines, that are written in full. */
const LISTING_LINES = 10_000;
const RAW_OCTETS = 16 * 1024;

const CRLF: Buffer = Buffer.from("\r\n", "latin1");

/**
 * The sessions of a server as lines: `C: RETR 1`, `S: +OK 5120 octets`, `S: (5120 octets)` for a message, and what
 * else happened to the connection, as `* TLS`. Secrets are `****`. The last 100 000 lines are kept.
 * `Pop3Server.replay` plays it.
 */
export class Transcript {
  readonly #sessions: Set<string[]> = new Set();
  #count = 0;

  /** The lines of each session, in the order in which the sessions began. */
  get sessions(): readonly (readonly string[])[] {
    return Array.from(this.#sessions, (lines) => [...lines]);
  }

  /** The lines of all sessions, one session behind the other. */
  get lines(): readonly string[] {
    return this.sessions.flat();
  }

  /** An empty line stands between two sessions. */
  toString(): string {
    return this.sessions.map((lines) => lines.join("\n")).join("\n\n");
  }

  /** Begins the transcript of one more session. */
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

/** Writes down one session. */
export class SessionTranscript {
  readonly #add: (line: string) => void;

  constructor(add: (line: string) => void) {
    this.#add = add;
  }

  /** A line of the client, in the form that may be printed. */
  client(line: string): void {
    this.#add(`C: ${line}`);
  }

  /** A line of the server, without CRLF. */
  server(line: string): void {
    this.raw(Buffer.from(`${line}\r\n`, "utf8"));
  }

  /** The message behind a line: its octets before dots are doubled. */
  block(octets: number): void {
    this.#add(`S: (${String(octets)} octets)`);
  }

  /** The listing behind a line, before dots are doubled: it tells nothing of what is in messages. */
  listing(block: Buffer): void {
    const lines = encodeBlock(block).toString("latin1").split("\r\n").slice(0, -1);
    if (lines.length > LISTING_LINES) this.block(block.length);
    else for (const line of lines) this.#line(Buffer.from(line, "latin1"), "");
  }

  /** Octets of which nobody knows whether they are lines. */
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

  /** What happened to the connection. */
  note(text: string): void {
    this.#add(`* ${text}`);
  }

  /** `end`: a backslash where the line has no CRLF. What only looks like a message's size is no such thing. */
  #line(octets: Buffer, end: "" | "\\"): void {
    const text = escaped(octets).replace(/^\((?=\d+ octets\)$)/, "\\x28");
    this.#add(`S: ${text}${end}`);
  }
}
