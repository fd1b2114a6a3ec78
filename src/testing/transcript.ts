// What was said, as text: lines of the client and of the server, without secrets and without messages.
import { printable } from "../protocol/printable.ts";
import { decodeText } from "../protocol/reply.ts";

/** The most lines that are kept; the oldest session goes first. */
const LINES = 100_000;

/**
 * The sessions of a server as lines: `C: RETR 1`, `S: +OK 5120 octets`, `S: (5120 octets)` for a block, and what
 * else happened to the connection, as `* TLS`. Secrets are `****`. The last 100 000 lines are kept.
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

  toString(): string {
    return this.lines.join("\n");
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
    if (oldest === lines) this.#count -= oldest.splice(0, LINES / 2).length;
    else {
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
    this.#add(`S: ${printable(line)}`);
  }

  /** The block behind a line: its octets before dots are doubled. */
  block(octets: number): void {
    this.#add(`S: (${String(octets)} octets)`);
  }

  /** Octets of which nobody knows whether they are lines. */
  raw(octets: Buffer): void {
    const lines = decodeText(octets.subarray(0, 2048)).split("\r\n");
    if (lines.length > 1 && lines.at(-1) === "") lines.pop();
    for (const line of lines) this.server(line);
  }

  /** What happened to the connection. */
  note(text: string): void {
    this.#add(`* ${text}`);
  }
}
