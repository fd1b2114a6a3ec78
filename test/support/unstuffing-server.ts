// A server that sends each line of a message as it is, even a line that is a single dot. The client takes that line for
// the end of the message. Keeps its maildrop over sessions.
import { turns } from "./turns.ts";
import type { Peer } from "./peer.ts";
import { capaAnswer } from "./maildrop-script.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** When the part of a message after a single dot is sent. */
export type Later =
  | "in the same packet"
  | "in the next packet"
  | "octet by octet"
  /** When the client has sent its next command: it has long gone on. */
  | "after the next command";

export interface UnstuffingOptions {
  readonly later: Later;
  readonly pipelining: boolean;
  /** Whether it knows UIDL. @default true */
  readonly uidl?: boolean;
  /** The size in LIST. @default the number of octets */
  readonly sizeOf?: (text: string) => number;
}

const EARLY_END = "\r\n.\r\n";

export class UnstuffingServer implements AsyncDisposable {
  /** Unique-id → message, of those that QUIT has not deleted. */
  readonly maildrop: Map<string, string>;
  /** The command lines of all sessions. */
  readonly commands: string[] = [];
  readonly #options: UnstuffingOptions;
  #server!: ScriptedServer;

  private constructor(messages: readonly string[], options: UnstuffingOptions) {
    this.maildrop = new Map(messages.map((text, index) => [`uid-${String(index + 1)}`, text]));
    this.#options = options;
  }

  static async listen(messages: readonly string[], options: UnstuffingOptions): Promise<UnstuffingServer> {
    const server = new UnstuffingServer(messages, options);
    server.#server = await ScriptedServer.listen((peer) => server.#session(peer));
    return server;
  }

  get port(): number {
    return this.#server.port;
  }

  async #session(peer: Peer): Promise<void> {
    const { pipelining, uidl = true, sizeOf = (text: string) => text.length } = this.#options;
    const messages = [...this.maildrop];
    const marked = new Set<number>();
    const lines = (of: (uid: string, text: string) => string): string =>
      messages.map(([uid, text], index) => `${String(index + 1)} ${of(uid, text)}\r\n`).join("");
    const listing = (of: (uid: string, text: string) => string, argument: string | undefined): string =>
      argument === undefined
        ? `+OK\r\n${lines(of)}.\r\n`
        : `+OK ${lines(of).split("\r\n")[Number(argument) - 1] as string}\r\n`;
    void peer.send("+OK ready\r\n");
    for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
      this.commands.push(line);
      const [verb, argument] = line.split(" ");
      const number = Number(argument);
      const capabilities = ["USER", ...(uidl ? ["UIDL"] : []), ...(pipelining ? ["PIPELINING"] : [])];
      if (verb === "CAPA") void peer.send(capaAnswer(...capabilities));
      else if (verb === "UIDL" && !uidl) void peer.send("-ERR what is that?\r\n");
      else if (verb === "LIST") void peer.send(listing((_, text) => String(sizeOf(text)), argument));
      else if (verb === "UIDL") void peer.send(listing((uid) => uid, argument));
      else if (verb === "RETR") await this.#sendMessage(peer, (messages[number - 1] as [string, string])[1]);
      else {
        if (verb === "DELE") marked.add(number);
        if (verb === "QUIT")
          for (const each of marked) this.maildrop.delete((messages[each - 1] as [string, string])[0]);
        void peer.send("+OK\r\n");
        if (verb === "QUIT") peer.end();
      }
    }
    peer.end();
  }

  async #sendMessage(peer: Peer, text: string): Promise<void> {
    const { later } = this.#options;
    const response = `+OK\r\n${text}.\r\n`;
    const early = response.indexOf(EARLY_END) + EARLY_END.length;
    if (later === "in the same packet" || early === response.length) {
      void peer.send(response);
      return;
    }
    await peer.send(response.slice(0, early));
    if (later === "after the next command") await peer.more();
    const rest = response.slice(early);
    const size = later === "octet by octet" ? 1 : rest.length;
    for (let at = 0; at < rest.length; at += size) {
      await turns(2);
      await peer.send(rest.slice(at, at + size));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
