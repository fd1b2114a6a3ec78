// A folder on a small IMAP server, and appenders on the same journal: each is another process, or this one after a crash.
import { Appender, type AppendClock } from "../../../../src/fetch/destinations/imap/appender.ts";
import {
  completeImapOptions,
  type ImapAppendOptions,
} from "../../../../src/fetch/destinations/imap/imap-options.ts";
import { IMAP_PASSWORD, ImapServer, type ImapServerOptions } from "../../../support/imap-server.ts";
import { keyOf } from "../../../support/delivery.ts";
import { turns } from "../../../support/turns.ts";
import { scratch } from "../../../support/scratch.ts";

export const SETTLE = 30_000;

/** Turns of the event loop in which a closed connection is noticed. */
const NOTICED = 50;

/** A message; two with the same text are identical. */
export const text = (subject: string): Buffer => Buffer.from(`Subject: ${subject}\r\n\r\n${subject}\r\n`);

export class Appending implements AsyncDisposable {
  readonly server: ImapServer;
  readonly state: string;
  /** How long was waited, each time; milliseconds. */
  readonly pauses: number[] = [];
  /** Called during a pause. */
  duringPause: () => unknown = () => undefined;
  appender: Appender;
  #now = 0;
  readonly #options: Partial<ImapAppendOptions>;
  readonly #clock: AppendClock = {
    now: () => this.#now,
    date: () => new Date("2026-11-30T12:00:00Z"),
    sleep: async (milliseconds) => {
      this.pauses.push(milliseconds);
      this.#now += milliseconds;
      await this.duringPause();
    },
  };

  private constructor(server: ImapServer, state: string, options: Partial<ImapAppendOptions>) {
    this.server = server;
    this.state = state;
    this.#options = options;
    this.appender = this.#appender();
  }

  static async start(
    server: ImapServerOptions = {},
    options: Partial<ImapAppendOptions> = {},
  ): Promise<Appending> {
    return new Appending(await ImapServer.listen(server), await scratch(), options);
  }

  /** Lets time pass. */
  wait(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** The process dies, and another one begins. */
  async restart(): Promise<void> {
    await this.appender.end();
    this.appender = this.#appender();
  }

  /** Delivers a message as a destination does. */
  async deliver(name: string, octets: Buffer = text(name), signal?: AbortSignal): Promise<"new" | "known"> {
    const key = keyOf(name);
    if (await this.appender.has(key)) return "known";
    await this.appender.prepare(signal);
    return this.appender.deliver(key, octets, signal);
  }

  /** Delivers a message whose connection is lost at `fault`, and the process with it. */
  async dieAt(fault: ImapServer["faults"][number], name: string, octets: Buffer = text(name)): Promise<void> {
    await this.deliver(`before ${name}`);
    this.server.faults.push(fault);
    // A process that dies makes no further attempt.
    const port = this.server.port;
    this.server.lost = () => this.server.down();
    await this.deliver(name, octets).then(
      () => {
        throw new Error("the message was delivered");
      },
      () => undefined,
    );
    this.server.lost = () => undefined;
    await this.server.up(port);
    await this.restart();
  }

  /** Cuts all connections, and waits until the appender has noticed. */
  async cut(): Promise<void> {
    this.server.cut();
    await turns(NOTICED);
  }

  /** How many copies of a message there are. */
  copies(octets: Buffer, folder = "INBOX"): number {
    return this.server.messages(folder).filter((each) => each.equals(octets)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.appender.end();
    await this.server.close();
  }

  #appender(): Appender {
    const options = { state: this.state, auth: { password: IMAP_PASSWORD }, settleTime: SETTLE };
    return new Appender(
      completeImapOptions(this.server.url(), { ...options, ...this.#options }),
      this.#clock,
    );
  }
}
