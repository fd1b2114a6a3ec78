// A server that says what a transcript says, one session of it to each connection, as long as the client does, too.
import type { Socket } from "node:net";
import type { TLSSocketOptions } from "node:tls";
import { Listener, type ListenerOptions } from "./listener.ts";
import { Playback, type ReplayMismatch } from "./playback.ts";
import { parseTranscript, type Act, type Script } from "./script.ts";
import type { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";

export interface ReplayOptions extends ListenerOptions {
  /**
   * For where the transcript says `* TLS`: `key` and `cert` (see {@link makeCertificate}), and what else `node:tls`
   * takes.
   * @default a certificate of its own
   */
  readonly tls?: TLSSocketOptions;
  /**
   * Whether the sessions begin again with the first one, once each was played. Without it one connection more than
   * there are sessions gets `-ERR`, and is a mismatch.
   * @default false
   */
  readonly repeat?: boolean;
}

/**
 * A server that plays a transcript; `Pop3Server.replay` makes it. Each connection gets the next session. What the
 * client says has to be what stands there: where it says something else, the connection is closed, and
 * {@link ReplayServer.mismatch} tells why. Its own `transcript` has what was really said.
 */
export class ReplayServer extends Listener {
  readonly #scripts: readonly Script[];
  readonly #repeat: boolean;
  readonly #mismatches: ReplayMismatch[] = [];

  private constructor(scripts: readonly Script[], { tls, repeat = false, ...options }: ReplayOptions) {
    super(options, beginsWithTls(scripts[0]), tls);
    this.#scripts = scripts;
    this.#repeat = repeat;
  }

  /** As `Pop3Server.replay`. */
  static async listen(
    transcript: string | readonly string[] | Transcript,
    options: ReplayOptions,
  ): Promise<ReplayServer> {
    const text = Array.isArray(transcript) ? transcript.join("\n") : String(transcript);
    const server = new ReplayServer(parseTranscript(text), options);
    return server.open((...connection) => server.#take(...connection));
  }

  /** Where a client strayed from the transcript for the first time; `undefined` as long as none has. */
  get mismatch(): ReplayMismatch | undefined {
    return this.#mismatches[0];
  }

  /** At most one of each connection, in the order in which they happened. */
  get mismatches(): readonly ReplayMismatch[] {
    return [...this.#mismatches];
  }

  #take(socket: Socket, wire: WireSetup, over: () => void): Playback {
    const count = this.#scripts.length;
    const before = this.connections - 1;
    const nth = this.#repeat ? before % count : before;
    const strayed = (mismatch: Omit<ReplayMismatch, "session">): void => {
      this.#mismatches.push({ session: nth + 1, ...mismatch });
    };
    const script = this.#scripts[nth] ?? this.#refusal();
    if (nth >= count)
      strayed({ line: script.lastLine, expected: "(no more connections)", got: "(a connection)" });
    return new Playback(socket, {
      ...wire,
      script,
      transcript: this.transcript.session(),
      strayed,
      over,
    });
  }

  /** What a connection gets for which there is no session. */
  #refusal(): Script {
    const { lastLine = 0 } = this.#scripts.at(-1) ?? {};
    const octets = Buffer.from("-ERR the transcript has no more sessions\r\n");
    const tls: Act[] = this.secure ? [{ tls: lastLine }] : [];
    const end = { kind: "close", after: Infinity } as const;
    return { turns: [{ expected: undefined, acts: [...tls, { octets }], end }], lastLine, challenged: false };
  }
}

function beginsWithTls(script: Script | undefined): boolean {
  const first = script?.turns[0]?.acts[0];
  return first !== undefined && "tls" in first;
}
