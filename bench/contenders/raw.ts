// The limits: a socket that writes every RETR and only counts bytes ("drain"), and the same with a search for
// the ends of messages, which is the least that any client must do ("scan"). Neither stores anything.
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls";
import {
  HOST,
  PASS,
  SERVER_NAME,
  trusted,
  type Contender,
  type ContenderSession,
  type Target,
} from "./contender.ts";

const CRLF_DOT = Buffer.from("\r\n.");
const CR = 13;
const LF = 10;

type Take = (chunk: Buffer) => void;

abstract class RawSession implements ContenderSession {
  readonly socket: Socket;
  take: Take = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.take(chunk);
    });
  }

  /** Resolves with the next line. Nothing else must arrive with it. */
  line(): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = "";
      this.socket.once("error", reject);
      this.take = (chunk) => {
        text += chunk.toString("latin1");
        if (!text.endsWith("\r\n")) return;
        this.socket.off("error", reject);
        if (text.startsWith("+OK")) resolve(text);
        else reject(new Error(text));
      };
    });
  }

  command(line: string): Promise<string> {
    const reply = this.line();
    this.socket.write(`${line}\r\n`);
    return reply;
  }

  async quit(): Promise<void> {
    await this.command("QUIT");
    this.socket.destroy();
  }

  abstract prepare(): Promise<void>;
  abstract retrieve(count: number): Promise<void>;

  stream(): Promise<void> {
    return this.retrieve(1);
  }

  abstract uidl(): Promise<unknown>;
  abstract list(): Promise<unknown>;
}

class Drain extends RawSession {
  #octets = 0;

  async prepare(): Promise<void> {
    this.#octets = Number((await this.command("XOCTETS")).slice(4));
  }

  retrieve(count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = this.#octets;
      this.take = (chunk) => {
        left -= chunk.length;
        if (left === 0) resolve();
      };
      this.socket.write(retrs(count));
    });
  }

  uidl(): Promise<unknown> {
    return this.#listing("UIDL");
  }

  list(): Promise<unknown> {
    return this.#listing("LIST");
  }

  #listing(command: string): Promise<unknown> {
    return new Promise((resolve) => {
      let octets = 0;
      this.take = (chunk) => {
        octets += chunk.length;
        if (endsListing(chunk)) resolve(octets);
      };
      this.socket.write(`${command}\r\n`);
    });
  }
}

class Scan extends RawSession {
  async prepare(): Promise<void> {
    await this.command("NOOP");
  }

  retrieve(count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = count;
      let before: Buffer = Buffer.alloc(0); // the last bytes of the previous chunk
      this.take = (chunk) => {
        // An end of a message that is split over two chunks.
        const seam = before.length === 0 ? -1 : Buffer.concat([before, chunk.subarray(0, 4)]).indexOf(END);
        if (seam !== -1 && seam < before.length) left--;
        for (let at = chunk.indexOf(CRLF_DOT); at !== -1; at = chunk.indexOf(CRLF_DOT, at + 3)) {
          if (chunk[at + 3] === CR && chunk[at + 4] === LF) left--;
        }
        if (left === 0) resolve();
        before = chunk.length < 4 ? Buffer.concat([before, chunk]).subarray(-4) : chunk.subarray(-4);
      };
      this.socket.write(retrs(count));
    });
  }

  uidl(): Promise<unknown> {
    return this.#listing("UIDL");
  }

  list(): Promise<unknown> {
    return this.#listing("LIST");
  }

  /** The simplest way: one string, split into lines, put into a Map. Nothing is checked. */
  #listing(command: string): Promise<unknown> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      this.take = (chunk) => {
        chunks.push(chunk);
        if (!endsListing(chunk)) return;
        const lines = Buffer.concat(chunks).toString("latin1").split("\r\n");
        const entries = new Map<number, string | number>();
        for (let at = 1; at < lines.length - 2; at++) {
          const line = lines[at] as string;
          const space = line.indexOf(" ");
          const value = line.slice(space + 1);
          entries.set(Number(line.slice(0, space)), command === "LIST" ? Number(value) : value);
        }
        resolve(entries);
      };
      this.socket.write(`${command}\r\n`);
    });
  }
}

const END = Buffer.from("\r\n.\r\n");

/** Our server sends the end of a listing in one piece: it is shorter than any packet. */
function endsListing(chunk: Buffer): boolean {
  return chunk.subarray(-3).toString("latin1") === ".\r\n";
}

function retrs(count: number): string {
  let text = "";
  for (let number = 1; number <= count; number++) text += `RETR ${number}\r\n`;
  return text;
}

/** Made once, as a program does that cares about its CPU time. */
let context: SecureContext | undefined;

async function open(Session: new (socket: Socket) => RawSession, target: Target): Promise<RawSession> {
  const { port, mailbox, session } = target;
  const ca = trusted(target);
  if (ca !== undefined) context ??= createSecureContext({ ca });
  const socket =
    context === undefined
      ? connect({ host: HOST, port, noDelay: true })
      : connectTls({
          host: HOST,
          port,
          secureContext: context,
          servername: SERVER_NAME,
          ...(session && { session }),
        });
  const raw = new Session(socket);
  await raw.line();
  await raw.command(`USER ${mailbox}`);
  await raw.command(`PASS ${PASS}`);
  return raw;
}

export const drain: Contender = { name: "drain", open: (target) => open(Drain, target) };
export const scan: Contender = { name: "scan", open: (target) => open(Scan, target) };
