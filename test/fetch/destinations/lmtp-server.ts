// A mail server for tests: LMTP (RFC 2033) or SMTP (RFC 5321), with TLS and signing in. It keeps the messages, and gives each
// command the reply that the test wants.
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { certificate } from "../../support/certificate.ts";

const DOT = Buffer.from("\r\n.\r\n");

/** What the server does when a command has come. `"hang"`: nothing, for ever. `"cut"`: it closes the connection. */
type MailAnswer = string | ((line: string) => string | undefined);

/** By command (`greeting`, `LHLO`, `MAIL` …), and `end` for the end of a message. @default yes */
export type MailAnswers = Readonly<Record<string, MailAnswer | undefined>>;

export interface LmtpServerOptions {
  /** A Unix socket. @default a free port of 127.0.0.1 */
  readonly path?: string;
  /** Whether TLS starts with the first byte. @default false */
  readonly secure?: boolean;
  /** What LHLO and EHLO list. @default 8BITMIME and SIZE */
  readonly offers?: readonly string[];
}

export class LmtpServer {
  readonly commands: string[] = [];
  /** What was taken, with dots unstuffed. */
  readonly mail: { readonly to: string; readonly octets: Buffer }[] = [];
  /** How many connections were opened, and how many of them are closed. */
  opened = 0;
  closed = 0;
  answers: MailAnswers = {};
  /** Whether it reads what follows DATA. */
  readsMessages = true;
  offers: readonly string[];
  readonly #secure: boolean;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  #waiting: (() => void)[] = [];

  private constructor({ secure = false, offers = ["8BITMIME", "SIZE"] }: LmtpServerOptions) {
    this.#secure = secure;
    this.offers = offers;
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.opened++;
      this.#sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("close", () => {
          this.#sockets.delete(socket);
          this.closed++;
          this.#tell();
        });
      new Session(this, this.#secure ? encrypted(socket) : socket, this.#tell).greet();
      this.#tell();
    });
  }

  static async listen(options: LmtpServerOptions = {}): Promise<LmtpServer> {
    const server = new LmtpServer(options);
    if (options.path === undefined) server.#server.listen(0, "127.0.0.1");
    else server.#server.listen(options.path);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get messages(): Buffer[] {
    return this.mail.map(({ octets }) => octets);
  }

  /** The verbs of the commands so far. */
  get verbs(): string[] {
    return this.commands.map((command) => command.split(/[ :]/, 1)[0] ?? "");
  }

  /** Resolves when `condition` holds; it is asked after each command, each piece of a message and each end of a connection. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Closes all connections, and takes new ones. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  readonly #tell = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  };
}

/** One connection. */
class Session {
  readonly #server: LmtpServer;
  readonly #tell: () => void;
  #socket: Socket;
  #received = Buffer.alloc(0);
  #state: "commands" | "message" | "proof" = "commands";
  #hasSender = false;
  #recipient: string | undefined;

  constructor(server: LmtpServer, socket: Socket, tell: () => void) {
    this.#server = server;
    this.#socket = socket;
    this.#tell = tell;
    this.#listen();
  }

  greet(): void {
    this.#reply("greeting", "", "220 mail.test ready");
  }

  #listen(): void {
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (octets: Buffer) => {
      this.#received = Buffer.concat([this.#received, octets]);
      while (this.#next());
      this.#tell();
    });
  }

  /** Takes the next line or message. Returns whether there was one. */
  #next(): boolean {
    const isMessage = this.#state === "message";
    const end = this.#received.indexOf(isMessage ? DOT : "\r\n");
    if (end === -1) return false;
    const text = this.#received.subarray(0, isMessage ? end + 2 : end).toString("latin1");
    this.#received = this.#received.subarray(end + (isMessage ? DOT.length : 2));
    if (isMessage) this.#message(text);
    else this.#command(text);
    return true;
  }

  #message(text: string): void {
    this.#state = "commands";
    const to = this.#recipient ?? "";
    this.#reset();
    const reply = this.#reply("end", text, "250 2.0.0 taken");
    if (!reply.startsWith("2")) return;
    this.#server.mail.push({ to, octets: Buffer.from(text.replace(/^\./gm, ""), "latin1") });
  }

  #command(line: string): void {
    this.#server.commands.push(line);
    const verb = this.#state === "proof" ? "proof" : (line.split(/[ :]/, 1)[0] ?? "").toUpperCase();
    this.#state = "commands";
    const reply = this.#reply(verb, line, this.#usual(verb, line));
    const isTaken = /^[23]/.test(reply);
    if (verb === "MAIL" && isTaken) this.#hasSender = true;
    if (verb === "RCPT" && isTaken) this.#recipient = /<(.*)>/.exec(line)?.[1];
    if (verb === "RSET") this.#reset();
    if (reply.startsWith("354")) {
      this.#state = "message";
      if (!this.#server.readsMessages) this.#socket.pause();
    }
    if (reply.startsWith("334")) this.#state = "proof";
    if (verb === "STARTTLS" && isTaken) {
      this.#socket.removeAllListeners("data");
      this.#socket = encrypted(this.#socket);
      this.#listen();
    }
    if (verb === "QUIT") this.#socket.end();
  }

  #reset(): void {
    this.#hasSender = false;
    this.#recipient = undefined;
  }

  #reply(command: string, line: string, usual: string): string {
    const given = this.#server.answers[command];
    const reply = (typeof given === "function" ? given(line) : given) ?? usual;
    if (reply === "cut") this.#socket.destroy();
    else if (reply !== "hang") this.#socket.write(`${reply}\r\n`);
    return reply;
  }

  #usual(verb: string, line: string): string {
    switch (verb) {
      case "LHLO":
      case "EHLO":
        return ["mail.test", ...this.#server.offers]
          .map((offer, at, all) => `250${at === all.length - 1 ? " " : "-"}${offer}`)
          .join("\r\n");
      case "MAIL":
        return this.#hasSender ? "503 5.5.1 MAIL already given" : "250 2.1.0 ok";
      case "RCPT":
        return this.#hasSender ? "250 2.1.5 ok" : "503 5.5.1 MAIL first";
      case "DATA":
        return this.#recipient !== undefined ? "354 go ahead" : "503 5.5.1 no valid recipients";
      case "AUTH":
        return line.includes(" LOGIN")
          ? `334 ${Buffer.from("Username:").toString("base64")}`
          : "235 2.7.0 welcome";
      case "proof":
        return "235 2.7.0 welcome";
      case "STARTTLS":
        return this.#server.offers.includes("STARTTLS") ? "220 go ahead" : "502 5.5.1 no such command";
      case "QUIT":
        return "221 bye";
      default:
        return "250 ok";
    }
  }
}

function encrypted(socket: Socket): Socket {
  return new TLSSocket(socket, { isServer: true, key: certificate.key, cert: certificate.cert });
}
