// Says on standard error what a command waits for, if the server is silent for three seconds. A wrong port is
// often silent: without this, nothing is printed until a time limit of half a minute has passed.
import { authority } from "../net/authority.ts";
import { hearWire, type WireEvent } from "../net/wire-log.ts";
import type { Attempt } from "./explain.ts";
import type { Io } from "./io.ts";
import { writeLines } from "./text.ts";

/** How long the server may be silent before the user is told, in milliseconds. */
const PATIENCE = 3000;

export class Waiting {
  readonly #attempt: Attempt;
  readonly #io: Io;
  readonly #unsubscribe: () => void;
  /** The commands that the server has not answered. */
  readonly #asked: string[] = [];
  /** Whether there is a connection to the server. A TLS handshake before that is the one of a proxy. */
  #connected = false;
  #timer: NodeJS.Timeout | undefined;

  /** Hears the sessions of this process, until it is disposed. */
  constructor(attempt: Attempt, io: Io) {
    this.#attempt = attempt;
    this.#io = io;
    this.#unsubscribe = hearWire((event) => {
      this.#hear(event);
    });
    this.#waitFor(
      `a connection to ${this.#place}${attempt.proxy === undefined ? "" : ` by ${attempt.proxy}`}`,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  get #place(): string {
    const { host = "HOST", port = 995 } = this.#attempt;
    return authority({ host, port });
  }

  #hear(event: WireEvent): void {
    if ("step" in event) this.#step(event.step);
    else if ("client" in event) {
      this.#asked.push(event.client);
      if (this.#asked.length === 1) this.#waitForReply();
    } else {
      // A challenge is not the reply to its command.
      const [first] = this.#asked;
      if ("server" in event && !event.server.startsWith("+ ")) this.#asked.shift();
      if ("server" in event && first === "STLS" && event.server.startsWith("+OK")) this.#waitForHandshake();
      else this.#waitForReply();
    }
  }

  #step(step: "connected" | "secured"): void {
    const { secure = true } = this.#attempt;
    if (step === "connected") {
      this.#connected = true;
      if (secure) this.#waitForHandshake();
      else this.#waitFor(`the greeting of ${this.#place}. The port may begin with TLS: then use pop3s://`);
    } else if (this.#connected && secure) this.#waitFor(`the greeting of ${this.#place}`);
    else if (this.#connected) this.#waitFor(undefined);
  }

  #waitForHandshake(): void {
    const other = this.#attempt.secure === false ? "" : ". The port may be one without TLS: then use pop3://";
    this.#waitFor(`the TLS handshake with ${this.#place}${other}`);
  }

  #waitForReply(): void {
    const [command] = this.#asked;
    this.#waitFor(command === undefined ? undefined : `the reply to ${command}`);
  }

  /** `what`: `undefined` if the command does not wait for the server now. */
  #waitFor(what: string | undefined): void {
    clearTimeout(this.#timer);
    const { patience = PATIENCE } = this.#io;
    if (what === undefined || patience === Infinity) return;
    this.#timer = setTimeout(() => {
      const { stderr } = this.#io;
      writeLines(stderr, `popwright: still waiting for ${what}`).catch(() => undefined);
    }, patience);
  }
}
