// A mail server that runs on loopback: its processes, and its directory, which goes when it stops.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { removeDirectory } from "./directory.ts";
import { stopAll } from "./launch.ts";
import type { MailServer } from "./mail-server.ts";
import type { ServerProcess } from "./process.ts";

export interface ServerPlace {
  readonly directory: string;
  readonly port: number;
  readonly tlsPort: number;
  /** The authority's certificate (PEM). */
  readonly ca: string;
}

export abstract class RunningServer implements MailServer {
  abstract readonly name: string;
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly tlsPort: number;
  readonly ca: string;
  protected readonly directory: string;
  /** The file with its log, in its directory. */
  protected readonly logFile: string = "output.log";
  readonly #launch: () => Promise<readonly ServerProcess[]>;
  #processes: readonly ServerProcess[] = [];

  /** `launch` starts its processes. */
  protected constructor(
    { directory, port, tlsPort, ca }: ServerPlace,
    launch: () => Promise<readonly ServerProcess[]>,
  ) {
    this.directory = directory;
    this.port = port;
    this.tlsPort = tlsPort;
    this.ca = ca;
    this.#launch = launch;
  }

  abstract deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  abstract mailbox(user: string): Promise<Buffer[]>;

  /** What the server has logged until now. */
  async log(): Promise<string> {
    return readFile(join(this.directory, this.logFile), "utf8");
  }

  /** Starts the server; after `kill()` again, on the same ports, with the same maildrops and unique-ids. */
  async restart(): Promise<this> {
    this.#processes = await this.#launch();
    return this;
  }

  /** Ends the server as a crash would: every session is lost, and what lies in the maildrops stays. */
  async kill(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  /** Ends the server and removes its directory. */
  async stop(): Promise<void> {
    await stopAll(this.#processes);
    await removeDirectory(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
