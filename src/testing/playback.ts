// Plays a script on one connection: sends the server's lines and waits for the client's lines.
import type { Socket } from "node:net";
import { LineReader } from "../protocol/line-reader.ts";
import { escaped } from "./escapes.ts";
import { printed, type Expectation } from "./expectation.ts";
import { endless, limited, noteOf } from "./faults.ts";
import { filler } from "./filler.ts";
import type { Saying, Script, Turn } from "./script.ts";
import type { SessionTranscript } from "./transcript.ts";
import { turn, Wire, type WireEnd, type WireSetup } from "./wire.ts";

/** The point at which a client differed from the transcript. Both lines are shown without secrets. */
export interface ReplayMismatch {
  /** The number of the session in the transcript, from 1. */
  readonly session: number;
  /** The number of the line in the transcript, from 1. */
  readonly line: number;
  /** The line that the transcript expects: `C: RETR 1`. */
  readonly expected: string;
  /** The line that came instead: `C: RETR 2`. */
  readonly got: string;
}

/** What a playback needs from its server. */
export interface PlaybackSetup extends WireSetup {
  readonly script: Script;
  readonly transcript: SessionTranscript;
  readonly strayed: (mismatch: Omit<ReplayMismatch, "session">) => void;
  /** Called when the script is over. The connection may stay open. */
  readonly over: () => void;
}

/** The next line that the client must send. */
type Awaited = Pick<ReplayMismatch, "line" | "expected">;

/** The maximum bytes of a line of the client. */
const LONGEST = 16 * 1024;

const CLOSES = "(the client closes)";

export class Playback {
  readonly #wire: Wire;
  readonly #setup: PlaybackSetup;
  readonly #lines: LineReader = new LineReader(LONGEST);
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #awaited: Awaited | undefined;
  #destroyed = false;

  constructor(socket: Socket, setup: PlaybackSetup) {
    this.#wire = new Wire(socket, setup);
    this.#setup = setup;
  }

  /** Plays the script to its end, or until the client differs from it. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#play();
    } catch {
      // The connection is gone: the test called close(), or the client left before its last line.
      if (!this.#destroyed && this.#awaited !== undefined)
        this.#setup.strayed({ ...this.#awaited, got: CLOSES });
    } finally {
      this.#setup.over();
      this.#wire.destroy();
    }
  }

  destroy(): void {
    this.#destroyed = true;
    this.#wire.destroy();
  }

  async #play(): Promise<void> {
    const { turns, lastLine, challenged } = this.#setup.script;
    for (const [index, each] of turns.entries()) {
      if (each.expected !== undefined && !(await this.#hear(each.expected))) return;
      const next = turns[index + 1]?.expected;
      this.#awaited = next && awaited(next);
      if (!(await this.#act(each))) return;
    }
    // After QUIT the server closes, even if the transcript has no note of it.
    if (turns.at(-1)?.expected?.verb === "QUIT") return this.#end("close");
    const heard = await this.#line();
    if (heard !== undefined)
      await this.#stray({ line: lastLine, expected: CLOSES }, `C: ${printed(heard, challenged)}`);
  }

  /** Waits for a line. Returns whether it is the expected one. */
  async #hear(expected: Expectation): Promise<boolean> {
    const heard = await this.#line();
    if (heard !== undefined && expected.matches(heard)) {
      this.#setup.transcript.client(printed(heard, expected.response));
      return true;
    }
    const got = heard === undefined ? CLOSES : `C: ${printed(heard, expected.response)}`;
    await this.#stray(awaited(expected), got);
    return false;
  }

  /** Sends the server's part of a turn. Returns whether the session continues. */
  async #act({ acts, end }: Turn): Promise<boolean> {
    const { transcript } = this.#setup;
    let left = end?.after ?? Infinity;
    for (const act of acts) {
      if ("wait" in act) {
        transcript.note(`wait ${String(act.wait)} ms`);
        await this.#wire.flush();
        await turn();
        await this.#wire.pass(act.wait);
      } else if ("tls" in act) {
        if (!(await this.#startTls(act.tls))) return false;
      } else {
        this.#record(act);
        for (const piece of limited(octetsOf(act), left)) {
          await this.#wire.push(piece);
          left -= piece.length;
        }
      }
    }
    if (end === undefined) return true;
    transcript.note(noteOf(end));
    await this.#end(end.kind);
    return false;
  }

  #record(saying: Saying): void {
    const { transcript } = this.#setup;
    if ("octets" in saying) transcript.raw(saying.octets);
    else if ("message" in saying) transcript.block(saying.message);
    else transcript.note(`flood ${escaped(saying.flood)}`);
  }

  /** `line`: the number of the line in the transcript. */
  async #startTls(line: number): Promise<boolean> {
    const expected = { line, expected: "* TLS" };
    if (this.#at < this.#input.length) {
      await this.#stray(expected, "(bytes after STLS)");
      return false;
    }
    const next = this.#awaited;
    this.#awaited = expected;
    this.#setup.transcript.note("TLS");
    await this.#wire.startTls();
    this.#awaited = next;
    return true;
  }

  /**
   * Returns the client's next line without CRLF; `null` for an invalid line, `undefined` if the client has
   * closed.
   */
  async #line(): Promise<Buffer | null | undefined> {
    for (;;) {
      if (this.#at < this.#input.length) {
        try {
          this.#at = this.#lines.read(this.#input, this.#at);
        } catch {
          return null;
        }
        if (this.#at !== -1) return this.#lines.line;
      }
      const octets = await this.#wire.read();
      if (octets === undefined) return undefined;
      this.#input = octets;
      this.#at = 0;
    }
  }

  /** Reports the mismatch and closes the connection. */
  async #stray(from: Awaited, got: string): Promise<void> {
    if (this.#destroyed) return;
    this.#awaited = undefined;
    this.#setup.strayed({ ...from, got });
    if (got === CLOSES) return;
    const { transcript } = this.#setup;
    if (got.startsWith("C: ")) transcript.client(got.slice("C: ".length));
    transcript.note("close");
    await this.#end("close");
  }

  async #end(how: WireEnd): Promise<void> {
    if (how !== "stall") this.#setup.over();
    await this.#wire.end(how);
  }
}

function awaited({ line, printable }: Expectation): Awaited {
  return { line, expected: `C: ${printable}` };
}

/** Returns the bytes to send. */
function octetsOf(saying: Saying): Iterable<Buffer> {
  if ("octets" in saying) return [saying.octets];
  return "message" in saying ? filler(saying.message) : endless(saying.flood);
}
