// An LMTP server for one test (RFC 2033): it keeps the messages, and sends the configured reply to each
// command.
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

const DOT = Buffer.from("\r\n.\r\n");

/** By command, and `end` for the end of a message: another answer than yes. */
export type LmtpAnswers = Readonly<Record<string, string | undefined>>;

export class LmtpServer {
  readonly commands: string[] = [];
  /** Dots unstuffed. */
  readonly messages: Buffer[] = [];
  answers: LmtpAnswers = {};
  readonly #server: Server = createServer((socket) => this.#serve(socket));
  readonly #sockets: Set<Socket> = new Set();

  static async listen(): Promise<LmtpServer> {
    const server = new LmtpServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let received = Buffer.alloc(0);
    let inMessage = false;
    socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
    socket.write(`${this.answers["greeting"] ?? "220 ready"}\r\n`);
    socket.on("data", (octets) => {
      received = Buffer.concat([received, octets]);
      for (;;) {
        const end = received.indexOf(inMessage ? DOT : "\r\n");
        if (end === -1) return;
        const text = received.subarray(0, inMessage ? end + 2 : end);
        received = received.subarray(end + (inMessage ? DOT.length : 2));
        if (inMessage) {
          inMessage = false;
          const answer = this.answers["end"] ?? "250 2.0.0 taken";
          if (answer.startsWith("2"))
            this.messages.push(Buffer.from(text.toString("latin1").replace(/^\./gm, ""), "latin1"));
          socket.write(`${answer}\r\n`);
          continue;
        }
        const command = text.toString("latin1");
        this.commands.push(command);
        const answer = this.answers[command.split(/[ :]/, 1)[0] ?? ""] ?? usual(command);
        inMessage = answer.startsWith("354");
        socket.write(`${answer}\r\n`);
        if (command === "QUIT") socket.end();
      }
    });
  }
}

function usual(command: string): string {
  if (command.startsWith("LHLO")) return "250-lmtp.test\r\n250 8BITMIME";
  if (command === "DATA") return "354 go ahead";
  return command === "QUIT" ? "221 bye" : "250 ok";
}
