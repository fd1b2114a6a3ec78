// A server with four messages that renumbers them after DELE in one of the ways that servers do.
import { Pop3Client, type Pop3ClientOptions } from "../../../src/index.ts";
import { auth } from "../../support/ann.ts";
import { LineServer } from "../../support/line-server.ts";

/**
 * `exact`: as RFC 1939 says. `wildduck`: LIST and UIDL count what is left from 1 on, all else goes by the first numbers.
 * `twisted`: what is marked is still listed, with the size 0, and UIDL with a number answers without it. `moving`: the
 * messages themselves move up.
 */
export type Counting = "exact" | "wildduck" | "twisted" | "moving";

interface Stored {
  readonly uid: string;
  readonly size: number;
  readonly text: string;
  marked: boolean;
}

export class CountingServer {
  readonly #counting: Counting;
  readonly #pipelining: boolean;
  readonly #stored: readonly Stored[] = ["a", "b", "c", "d"].map((uid, index) => {
    const text = `Subject: ${uid}\r\n\r\n${"x".repeat(index)}\r\n`;
    return { uid, text, size: text.length, marked: false };
  });
  readonly #server: LineServer;

  constructor(counting: Counting, pipelining = false) {
    this.#counting = counting;
    this.#pipelining = pipelining;
    this.#server = new LineServer((line) => this.#answer(line));
  }

  /** What the client said after the login. */
  get lines(): readonly string[] {
    return this.#server.lines.slice(this.#server.lines.findIndex((line) => line.startsWith("PASS")) + 2);
  }

  /** The unique-ids of what QUIT would leave. */
  get unmarked(): readonly string[] {
    return this.#stored.filter(({ marked }) => !marked).map(({ uid }) => uid);
  }

  connect(more: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> {
    const options = { host: "mail.test", secure: false, stls: "never", allowPlaintextAuth: true } as const;
    return Pop3Client.connect({
      ...options,
      socket: this.#server.socket,
      auth: { ...auth, mechanism: "USER" },
      ...more,
    });
  }

  /** The messages as LIST and UIDL count them. */
  get #listed(): readonly (readonly [number: number, message: Stored])[] {
    const numbered = this.#stored.map((message, index) => [index + 1, message] as const);
    if (this.#counting === "twisted") return numbered;
    const left = numbered.filter(([, { marked }]) => !marked);
    return this.#counting === "exact" ? left : left.map(([, message], index) => [index + 1, message]);
  }

  #message(number: number): Stored | undefined {
    return this.#counting === "moving"
      ? this.#stored.filter(({ marked }) => !marked)[number - 1]
      : this.#stored[number - 1];
  }

  #answer(line: string): string[] {
    const [verb = "", first] = line.split(" ");
    const number = first === undefined ? undefined : Number(first);
    const size = ({ size, marked }: Stored): number => (marked && this.#counting === "twisted" ? 0 : size);
    switch (verb) {
      case "CAPA":
        return [`+OK\r\nUSER\r\nUIDL\r\nTOP\r\n${this.#pipelining ? "PIPELINING\r\n" : ""}.\r\n`];
      case "LIST":
        return this.#told(number, (message) => String(size(message)));
      case "UIDL":
        return this.#told(number, ({ uid }) => uid);
      case "RETR":
      case "TOP":
      case "DELE":
        return this.#work(verb, this.#message(number ?? 0));
      case "RSET":
        for (const message of this.#stored) message.marked = false;
    }
    return ["+OK\r\n"];
  }

  #told(number: number | undefined, value: (message: Stored) => string): string[] {
    if (number === undefined)
      return [
        `+OK\r\n${this.#listed.map(([each, message]) => `${String(each)} ${value(message)}\r\n`).join("")}.\r\n`,
      ];
    const message = this.#message(number);
    if (message === undefined || (message.marked && this.#counting === "exact"))
      return ["-ERR no such message\r\n"];
    return [
      this.#counting === "twisted" && value(message) === message.uid
        ? `+OK ${message.uid}\r\n`
        : `+OK ${String(number)} ${value(message)}\r\n`,
    ];
  }

  #work(verb: "RETR" | "TOP" | "DELE", message: Stored | undefined): string[] {
    if (message === undefined || message.marked) return ["-ERR no such message\r\n"];
    if (verb === "DELE") message.marked = true;
    return verb === "DELE" ? ["+OK\r\n"] : [`+OK\r\n${message.text}.\r\n`];
  }
}
