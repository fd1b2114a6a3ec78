// A server on a stream without a socket: answers at once, in the given chunks, without a clock.
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Pop3ClientOptions } from "popwright";
import { duplexPair } from "./duplex-pair.ts";

/** By the line, or by its first word. What has no answer is left waiting. */
export type Answers = Readonly<Record<string, Answer | undefined>>;
type Answer = string | ((line: string) => string);

/** A session up to the login, and no CAPA. */
export const LOGIN_ANSWERS: Answers = { CAPA: "-ERR\r\n", USER: "+OK\r\n", PASS: "+OK\r\n" };

let nextPort = 1;

export class MemoryServer {
  /** What the client has said, line by line. */
  readonly lines: string[] = [];
  /** Options for this server, without `auth`. */
  readonly options: Pop3ClientOptions;
  readonly #stream: Duplex;
  #answers: Answers;
  #text = "";

  constructor(answers: Answers = LOGIN_ANSWERS, greeting = "+OK hello\r\n") {
    const [ours, theirs] = duplexPair();
    this.#stream = theirs;
    this.#answers = answers;
    // A port of its own: what a server does wrong is remembered of its host and port.
    this.options = { host: "mail.test", port: nextPort++, secure: false, stls: "never", socket: ours };
    theirs.on("error", () => undefined);
    theirs.on("data", (octets: Buffer) => {
      this.#text += octets.toString("utf8");
      for (let end = this.#text.indexOf("\r\n"); end !== -1; end = this.#text.indexOf("\r\n")) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        this.lines.push(line);
        const answer = this.#answers[line] ?? this.#answers[line.split(" ", 1)[0] as string] ?? "";
        process.nextTick(() => this.say(typeof answer === "string" ? answer : answer(line)));
      }
    });
    this.say(greeting);
  }

  say(octets: string | Buffer): void {
    if (octets.length > 0 && this.#stream.writable) this.#stream.write(octets, "latin1");
  }

  /** Answers nothing by itself from now on, but what is in `answers`. */
  silence(answers: Answers = {}): void {
    this.#answers = answers;
  }

  /** One chunk after the other, each read before the next comes. */
  async sayInChunks(chunks: Iterable<Buffer>): Promise<void> {
    for (const chunk of chunks) {
      if (chunk.length > 0) this.say(chunk);
      await turn();
    }
  }

  /** Resolves when the client has sent `count` lines. */
  async heard(count: number): Promise<void> {
    while (this.lines.length < count) await turn();
  }

  end(): void {
    this.#stream.end();
  }
}
