// Reports the commands and replies of a session, without secrets: as lines of the log, and as events for a recorder.
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Pop3Error } from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import { printableLine, type Reply } from "../protocol/reply.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { Log } from "./log.ts";

/** One event on the wire, without secrets. Of a message it has only the size in octets. */
export type WireEvent =
  /** There is a connection, through a proxy if there is one; a TLS handshake has succeeded. */
  | { readonly step: "connected" | "secured" }
  | { readonly client: string }
  | { readonly server: string }
  | { readonly listing: Buffer }
  | { readonly message: number };

const WIRE = "popwright:wire";
const events = channel(WIRE);

/** Calls `hear` with every event of every session. Returns an unsubscribe function. */
export function hearWire(hear: (event: WireEvent) => void): () => void {
  const listener = (event: unknown): void => hear(event as WireEvent);
  subscribe(WIRE, listener);
  return () => unsubscribe(WIRE, listener);
}

/** Tests whether a recorder is subscribed. */
export function isRecorded(): boolean {
  return events.hasSubscribers;
}

export function record(event: WireEvent): void {
  events.publish(event);
}

/** Reports what one connection sends and receives. */
export class WireLog {
  readonly #secrets: Secrets;
  readonly #log: Log;
  #pieces: Buffer[] = [];
  #octets = 0;

  constructor(secrets: Secrets, log: Log = new Log(undefined, secrets)) {
    this.#secrets = secrets;
    this.#log = log;
  }

  sent({ printable }: Command<unknown>): void {
    if (this.#log.hears("wire", "debug")) this.#write("C", printable);
    if (isRecorded()) record({ client: printable });
  }

  received(line: Buffer, status: Reply["status"] | undefined): void {
    const isLogged = this.#log.hears("wire", "debug");
    if (!isLogged && !isRecorded()) return;
    // Never log a challenge: with it and the response, a password can be guessed offline.
    const shown = status === "continue" ? "+ ****" : printableLine(line, this.#secrets);
    if (isLogged) this.#write("S", shown);
    if (isRecorded()) record({ server: shown });
  }

  closed({ message, code }: Pop3Error): void {
    this.#log.write("wire", "debug", `closed: ${message}`, { code });
  }

  #write(direction: "C" | "S", line: string): void {
    this.#log.write("wire", "debug", `${direction}: ${line}`, { direction, line });
  }

  /** Octets of a block: it is recorded when it is complete. `message`: its content is not recorded. */
  octets(octets: Buffer, message: boolean): void {
    if (!isRecorded()) return;
    this.#octets += octets.length;
    // Copy: the read buffer is reused.
    if (!message) this.#pieces.push(Buffer.from(octets));
  }

  end(message: boolean): void {
    if (isRecorded())
      record(
        message
          ? { message: this.#octets }
          : { listing: this.#secrets.maskOctets(Buffer.concat(this.#pieces)) },
      );
    if (this.#octets === 0) return;
    this.#pieces = [];
    this.#octets = 0;
  }
}
