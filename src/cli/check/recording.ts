// Records a session as a transcript for `Pop3Server.replay`. It contains no secret, and of messages only the
// size.
import { hearWire, type WireEvent } from "../../net/wire-log.ts";
import type { Secrets } from "../../protocol/secrets.ts";
import { unescaped } from "../../testing/escapes.ts";
import { Transcript, type SessionTranscript } from "../../testing/transcript.ts";

const CRLF = Buffer.from("\r\n");

export class Recording {
  readonly #transcript: Transcript = new Transcript();
  readonly #session: SessionTranscript = this.#transcript.session();
  readonly #unsubscribe: () => void;
  /**
   * Commands without a reply so far. Each is recorded together with its reply, in the order in which they
   * replay.
   */
  readonly #asked: string[] = [];
  readonly #secrets: Secrets;
  #command: string | undefined;
  #greeted = false;

  /**
   * `secure`: the session begins with TLS. `secrets`: masked in the words of the server. The session knows its
   * secret only from the login on.
   */
  constructor(secure: boolean, secrets: Secrets) {
    this.#secrets = secrets;
    if (secure) this.#session.note("TLS");
    this.#unsubscribe = hearWire((event) => {
      this.#hear(event);
    });
  }

  /** Ends the recording and returns its text. `failed`: the session ended with an error. */
  end(failed: boolean): string {
    this.#unsubscribe();
    for (const line of this.#asked.splice(0)) this.#session.client(line);
    if (failed) this.#session.note("close");
    return `${this.#transcript.toString()}\n`;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #hear(event: WireEvent): void {
    if ("client" in event) this.#asked.push(event.client);
    else if ("server" in event) this.#reply(event.server);
    else if ("message" in event) this.#session.block(event.message);
    else if ("listing" in event) this.#listing(event.listing);
  }

  #reply(line: string): void {
    this.#command = this.#greeted ? this.#asked.shift() : undefined;
    this.#greeted = true;
    if (this.#command !== undefined) this.#session.client(this.#command);
    this.#session.raw(Buffer.concat([this.#secrets.maskOctets(unescaped(line)), CRLF]));
    if (this.#command === "STLS" && line.startsWith("+OK")) this.#session.note("TLS");
  }

  #listing(lines: Buffer): void {
    if (/^(?:CAPA|LIST|UIDL)$/.test(this.#command ?? ""))
      this.#session.listing(this.#secrets.maskOctets(lines));
    else this.#session.block(lines.length);
  }
}
