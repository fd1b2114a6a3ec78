// A server that lists PIPELINING and breaks it. By default as WildDuck 1.46.1 does: the reply to the next command
// overtakes the last line of a message.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

export interface OutOfOrderOptions {
  /** Lines of CAPA in addition to UIDL, TOP, USER and PIPELINING. */
  readonly capabilities?: readonly string[];
  /** @default "mail.test" */
  readonly greeting?: string;
  /** It closes the connection as soon as two RETR come together, after the first whole message. @default false */
  readonly closes?: boolean;
  /** It answers only the first of the commands that come together. @default false */
  readonly forgets?: boolean;
  /** What LIST says more than there is; octets. @default 0 */
  readonly slack?: number;
}

/** A reply: what it begins with, its message, and the last line of that. */
interface Answer {
  readonly head: string;
  readonly body: string;
  readonly tail: string;
}

/** Ports of earlier servers. The client remembers for a day that the server at such a port breaks pipelining. */
const used = new Set<number>();

export class OutOfOrderServer implements AsyncDisposable {
  /** What is left of the maildrop: text by unique-id. */
  readonly maildrop: Map<string, string>;
  /** The commands of each session, in order. What came together is one entry, separated by spaces. */
  readonly sessions: string[][] = [];
  readonly #options: OutOfOrderOptions;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(messages: readonly string[], options: OutOfOrderOptions) {
    this.maildrop = new Map(messages.map((text, index) => [`uid-${index + 1}`, text]));
    this.#options = options;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.setNoDelay(true);
      this.#session(socket);
    });
  }

  static async listen(
    messages: readonly string[],
    options: OutOfOrderOptions = {},
  ): Promise<OutOfOrderServer> {
    const server = new OutOfOrderServer(messages, options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    if (!used.has(server.port)) {
      used.add(server.port);
      return server;
    }
    const another = await OutOfOrderServer.listen(messages, options);
    await server[Symbol.asyncDispose]();
    return another;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How often each session had to wait for the server: once for each entry. */
  get roundTrips(): number[] {
    return this.sessions.map(({ length }) => length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #session(socket: Socket): void {
    const said: string[] = [];
    this.sessions.push(said);
    const messages = [...this.maildrop];
    const marked = new Set<string>();
    let input = "";
    socket.write(`+OK ${this.#options.greeting ?? "mail.test"}\r\n`);
    socket.on("data", (octets: Buffer) => {
      input += octets.toString("latin1");
      const lines = input.split("\r\n");
      input = lines.pop() ?? "";
      said.push(lines.join(", "));
      const { closes, forgets } = this.#options;
      let tail = "";
      for (const line of forgets === true ? lines.slice(0, 1) : lines) {
        const answer = this.#answer(line, messages, marked);
        socket.write(`${answer.head}${tail}${answer.body}`, "latin1");
        ({ tail } = answer);
        if (closes === true && line.startsWith("RETR") && lines.length > 1) {
          socket.end(tail);
          return;
        }
        if (line === "QUIT") {
          for (const uid of marked) this.maildrop.delete(uid);
          socket.end();
        }
      }
      socket.write(tail);
    });
  }

  #answer(line: string, messages: readonly (readonly [string, string])[], marked: Set<string>): Answer {
    const [verb, number] = line.split(" ");
    const [uid, text] = messages[Number(number) - 1] ?? ["", ""];
    const { capabilities = [], slack = 0 } = this.#options;
    const whole = (...lines: string[]): Answer => ({ head: `${lines.join("\r\n")}\r\n`, body: "", tail: "" });
    const listing = (of: (message: readonly [string, string]) => string): Answer =>
      number === undefined
        ? whole("+OK", ...messages.map((message, index) => `${index + 1} ${of(message)}`), ".")
        : whole(`+OK ${number} ${of([uid, text])}`);
    if (verb === "CAPA") return whole("+OK", "UIDL", "TOP", "USER", "PIPELINING", ...capabilities, ".");
    if (verb === "LIST") return listing(([, message]) => String(message.length + slack));
    if (verb === "STAT") {
      const octets = messages.reduce((sum, [, message]) => sum + message.length, 0);
      return whole(`+OK ${messages.length} ${octets}`);
    }
    if (verb === "UIDL") return listing(([name]) => name);
    if (verb === "DELE") marked.add(uid);
    if (verb === "RETR" || verb === "TOP")
      return {
        head: `+OK ${text.length + slack} octets\r\n`,
        body: text.replace(/^\./gm, ".."),
        tail: ".\r\n",
      };
    return whole("+OK");
  }
}
