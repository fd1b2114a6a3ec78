// The POP3 server of WildDuck by itself, in front of messages in memory. It lists PIPELINING. Version 1.46.1 writes the
// reply to the next command before the last line of a message; 1.51.1 does not.
import { createRequire } from "node:module";
import { createServer, connect, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { unpackedRoot } from "./unpacked.ts";

/** Where .ci/servers puts each version. */
const places: Readonly<Record<"1.46.1" | "1.51.1", string>> = {
  "1.46.1": join(unpackedRoot("wildduck"), "node_modules/wildduck"),
  "1.51.1": join(unpackedRoot("wildduck-1.51.1"), "node_modules/@zone-eu/wildduck"),
};

export interface WildDuckOptions {
  readonly version: keyof typeof places;
  /** Whether greeting and CAPA say that it is WildDuck. @default true */
  readonly named?: boolean;
  /** The messages, by their unique-ids. */
  readonly messages: ReadonlyMap<string, Buffer>;
  /** Octets that the storage gives at a time. */
  readonly chunk: number;
}

interface Listed {
  readonly id: string;
  readonly size: number;
}
type Callback = (error?: Error | null, result?: unknown) => void;

/** What we need to know of the class: its handlers are options. */
interface POP3Server {
  readonly server: Server;
  loggelf: (entry: unknown) => void;
  listen(port: number, host: string, callback: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}
type POP3ServerClass = new (options: object) => POP3Server;

export class WildDuck implements AsyncDisposable {
  readonly host = "127.0.0.1";
  /** What is left of the maildrop, by unique-id. */
  readonly maildrop: Map<string, Buffer>;
  /** Connections that were made. */
  sessions = 0;
  /** How often a client wrote, and so had to wait for an answer: close to the number of round trips. */
  roundTrips = 0;
  readonly #server: POP3Server;
  readonly #relay: Server;

  private constructor({ version, named = true, messages, chunk }: WildDuckOptions) {
    const maildrop = new Map(messages);
    this.maildrop = maildrop;
    const path = join(places[version], "lib/pop3/server.js");
    const Class = createRequire(import.meta.url)(path) as POP3ServerClass;
    this.#server = new Class({
      ...{ secure: false, disableSTARTTLS: true, ignoreSTARTTLS: true, logger: false },
      ...(named ? {} : { disableVersionString: true, id: { name: "mail" } }),
      onAuth: (_: unknown, __: unknown, done: Callback) => done(null, { user: { id: "ann" } }),
      onListMessages(_: unknown, done: Callback) {
        const listed = [...maildrop].map(([id, octets]): Listed => ({ id, size: octets.length }));
        const size = listed.reduce((sum, message) => sum + message.size, 0);
        done(null, { messages: listed, count: listed.length, size });
      },
      onFetchMessage({ id }: Listed, _: unknown, done: Callback) {
        done(null, Readable.from(pieces(maildrop.get(id) ?? Buffer.alloc(0), chunk), { objectMode: false }));
      },
      onUpdate({ deleted }: { readonly deleted: readonly Listed[] }, _: unknown, done: Callback) {
        for (const { id } of deleted) maildrop.delete(id);
        done();
      },
    });
    this.#server.loggelf = () => {};
    // A client that has gone.
    this.#server.on("error", () => {});
    this.#relay = createServer((client) => {
      this.sessions++;
      const server = connect((this.#server.server.address() as AddressInfo).port, this.host);
      client.on("data", () => this.roundTrips++).on("error", () => server.destroy());
      server.on("error", () => client.destroy());
      client.pipe(server).pipe(client);
    });
  }

  static async start(options: WildDuckOptions): Promise<WildDuck> {
    const wildduck = new WildDuck(options);
    await new Promise<void>((resolve) => wildduck.#server.listen(0, wildduck.host, resolve));
    await new Promise<void>((resolve) => wildduck.#relay.listen(0, wildduck.host, resolve));
    return wildduck;
  }

  get port(): number {
    return (this.#relay.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [this.#relay, this.#server.server].map(
      (server) => new Promise((resolve) => server.close(resolve)),
    );
    await Promise.all(closed);
  }
}

function* pieces(octets: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}
