// A server that plays a script: octets that no real server would send, at the time in the script, and a
// record of every octet that the client wrote.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";

/**
 * One step. `"S: text"` sends a line, a Buffer is sent as it is; what stands together goes out in one write.
 * `"C: text"` expects a line, a pattern expects one that it matches. `"* tls"` begins TLS, `"* close"` sends FIN,
 * `"* reset"` sends RST, `"* octets"` waits until the client has written anything at all, `"* wait"` for
 * {@link ScriptedServer.goOn}. After the last step the server takes what comes until the client closes.
 */
export type Step = string | RegExp | Buffer;

export interface ScriptOptions {
  /** The certificate and its key, for `"* tls"`. */
  readonly tls?: TLSSocketOptions;
  /** The most octets in a packet. @default Infinity */
  readonly chunk?: number;
  /** Whether a line of the client has to come alone: nothing may lie behind it before it is answered. @default false */
  readonly lockstep?: boolean;
}

export class ScriptedServer implements AsyncDisposable {
  /** How many connections were taken. Each plays the script from its beginning. */
  connections = 0;
  readonly #server: Server;
  readonly #plays: Promise<void>[] = [];
  readonly #sockets: Set<Socket> = new Set();
  readonly #clear: Buffer[] = [];
  readonly #secure: Buffer[] = [];
  readonly #watchers: Set<() => void> = new Set();
  #goOn: () => void = () => undefined;
  readonly #wait: Promise<void> = new Promise((resolve) => (this.#goOn = resolve));

  private constructor(script: readonly Step[], options: ScriptOptions) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      const play = new Play(socket, options, {
        clear: this.#clear,
        secure: this.#secure,
        wait: this.#wait,
        written: () => {
          for (const watcher of this.#watchers) watcher();
        },
      }).run(script);
      // Whoever asks for it learns of it; a script that nobody asks about is no unhandled rejection.
      play.catch(() => undefined);
      this.#plays.push(play);
    });
  }

  static async listen(script: readonly Step[], options: ScriptOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(script, options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the client wrote without TLS. */
  get clear(): string {
    return Buffer.concat(this.#clear).toString("latin1");
  }

  /** What the client wrote within TLS. */
  get secure(): string {
    return Buffer.concat(this.#secure).toString("latin1");
  }

  /** All of it as lines; the last one may be unfinished. */
  get lines(): string[] {
    const lines = `${this.clear}${this.secure}`.split("\r\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** Lets the script go on behind `"* wait"`. */
  goOn(): void {
    this.#goOn();
  }

  /** Resolves when what the client has written matches. */
  async wrote(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!pattern.test(`${this.clear}${this.secure}`)) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Resolves when the client has closed and the script was played; rejects where the client strayed from it. */
  async played(): Promise<void> {
    await Promise.all(this.#plays);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** What the client wrote, without TLS and within it, who is told that it has written more, and what is waited for. */
interface WrittenOctets {
  readonly clear: Buffer[];
  readonly secure: Buffer[];
  readonly written: () => void;
  readonly wait: Promise<void>;
}

class Play {
  #stream: Socket;
  readonly #options: ScriptOptions;
  readonly #record: WrittenOctets;
  #written: Buffer[];
  #input: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(socket: Socket, options: ScriptOptions, record: WrittenOctets) {
    socket.setNoDelay(true);
    this.#options = options;
    this.#record = record;
    this.#written = record.clear;
    this.#stream = this.#watched(socket);
  }

  async run(script: readonly Step[]): Promise<void> {
    try {
      await this.#steps(script);
      while (await this.#read());
    } finally {
      this.#stream.destroy();
    }
  }

  async #steps(script: readonly Step[]): Promise<void> {
    let output: Buffer[] = [];
    for (const step of script) {
      if (Buffer.isBuffer(step)) output.push(step);
      else if (typeof step === "string" && step.startsWith("S: ")) {
        output.push(Buffer.from(`${step.slice(3)}\r\n`, "utf8"));
      } else {
        await this.#write(Buffer.concat(output));
        output = [];
        if (step === "* close") this.#stream.end();
        else if (step === "* reset") this.#stream.resetAndDestroy();
        else if (step === "* tls") this.#beginTls();
        else if (step === "* wait") await this.#record.wait;
        else if (step === "* octets") while (this.#input.length === 0 && (await this.#read()));
        else await this.#expect(step instanceof RegExp ? step : step.slice(3));
      }
    }
    await this.#write(Buffer.concat(output));
  }

  async #expect(expected: string | RegExp): Promise<void> {
    let end: number;
    while ((end = this.#input.indexOf("\r\n")) === -1) {
      if (!(await this.#read())) throw new Error(`the client closed; expected ${String(expected)}`);
    }
    const line = this.#input.toString("utf8", 0, end);
    this.#input = this.#input.subarray(end + 2);
    if (!(typeof expected === "string" ? line === expected : expected.test(line))) {
      throw new Error(`expected ${String(expected)}, the client said ${line}`);
    }
    if (this.#options.lockstep !== true) return;
    for (let more = 0; more < 4; more++) {
      await turn();
      const octets = this.#stream.read() as Buffer | null;
      if (octets !== null) this.#take(octets);
    }
    if (this.#input.length > 0) throw new Error(`"${this.#input.toString()}" came behind ${line}`);
  }

  #beginTls(): void {
    this.#written = this.#record.secure;
    this.#input = Buffer.alloc(0);
    this.#stream = this.#watched(new TLSSocket(this.#stream, { ...this.#options.tls, isServer: true }));
  }

  #watched<S extends Socket>(stream: S): S {
    const wake = (): void => {
      this.#wake();
    };
    for (const event of ["readable", "end", "close", "error"]) stream.on(event, wake);
    return stream;
  }

  /** Takes in what comes next. Returns `false` when nothing will. */
  async #read(): Promise<boolean> {
    for (;;) {
      const octets = this.#stream.read() as Buffer | null;
      if (octets !== null) {
        this.#take(octets);
        return true;
      }
      if (this.#stream.readableEnded || this.#stream.destroyed) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(octets: Buffer): void {
    this.#written.push(octets);
    this.#input = Buffer.concat([this.#input, octets]);
    this.#record.written();
  }

  /** A client that is gone does not care: the script goes on to where that shows. */
  async #write(octets: Buffer): Promise<void> {
    const { chunk = Infinity } = this.#options;
    for (let at = 0; at < octets.length; at += chunk) {
      const piece = octets.subarray(at, Math.min(at + chunk, octets.length));
      await new Promise<void>((resolve) =>
        this.#stream.write(piece, () => {
          resolve();
        }),
      );
      if (chunk < octets.length) await turn();
    }
  }
}

/** Lets the event loop look for I/O, so that a client in this process reads what was sent before. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
