// A server that replays a transcript: each connection gets the next session, as long as the client says its
// part.
import type { Socket } from "node:net";
import type { TLSSocketOptions } from "node:tls";
import { argumentError, checkObject, shown } from "../options/checks.ts";
import { Listener, LISTENER_CHECKS, type ListenerOptions } from "./listener.ts";
import { checkOptions, isObject, isSwitch, type Checks } from "./option-checks.ts";
import { Playback, type ReplayMismatch } from "./playback.ts";
import { parseTranscript, type Act, type Script } from "./script.ts";
import { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";

/** The options of {@link Pop3Server.replay}. */
export interface ReplayOptions extends ListenerOptions {
  /**
   * The TLS options for `* TLS` in the transcript: `key` and `cert` (see {@link makeCertificate}), and other
   * options of `node:tls`.
   * @default a new self-signed certificate
   */
  readonly tls?: TLSSocketOptions;
  /**
   * Whether to start again with the first session after the last one. If `false`, a connection after the last
   * session gets `-ERR` and counts as a mismatch.
   * @default false
   */
  readonly repeat?: boolean;
}

const CHECKS: Checks<ReplayOptions> = { ...LISTENER_CHECKS, tls: isObject, repeat: isSwitch };

/**
 * A server that replays a transcript. `Pop3Server.replay` makes it. Each connection gets the next session.
 * The client must send the lines of the transcript. If it sends another line, the server closes the
 * connection and {@link ReplayServer.mismatch} has both lines. The `transcript` of this server has what was
 * really sent.
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

  /** Opens the server, see `Pop3Server.replay`. */
  static async listen(
    transcript: string | readonly string[] | Transcript,
    options: ReplayOptions,
  ): Promise<ReplayServer> {
    checkObject("the options of replay", options);
    checkOptions("replay", options, CHECKS);
    const server = new ReplayServer(parseTranscript(textOf(transcript)), options);
    return server.open((...connection) => server.#take(...connection));
  }

  /** The first mismatch of a client with the transcript; `undefined` if there was none so far. */
  get mismatch(): ReplayMismatch | undefined {
    return this.#mismatches[0];
  }

  /** All mismatches in the order of time, at most one for each connection. */
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

  /** Returns the script for a connection for which the transcript has no session. */
  #refusal(): Script {
    const { lastLine = 0 } = this.#scripts.at(-1) ?? {};
    const octets = Buffer.from("-ERR the transcript has no more sessions\r\n");
    const tls: Act[] = this.secure ? [{ tls: lastLine }] : [];
    const end = { kind: "close", after: Infinity } as const;
    return { turns: [{ expected: undefined, acts: [...tls, { octets }], end }], lastLine, challenged: false };
  }
}

/** Returns the text of a transcript. Throws `POP3_INVALID_ARGUMENT` if it is not one. */
function textOf(transcript: string | readonly string[] | Transcript): string {
  if (typeof transcript === "string") return transcript;
  if (transcript instanceof Transcript) return transcript.toString();
  if (Array.isArray(transcript) && transcript.every((line) => typeof line === "string"))
    return transcript.join("\n");
  throw argumentError(
    `transcript must be a string, an array of lines or a Transcript (got ${shown(transcript)})`,
  );
}

function beginsWithTls(script: Script | undefined): boolean {
  const first = script?.turns[0]?.acts[0];
  return first !== undefined && "tls" in first;
}
