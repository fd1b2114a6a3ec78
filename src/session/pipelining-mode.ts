// Decides whether the commands of a session may be pipelined: by the option, the capabilities, the known faults of server
// software, and what the server did to earlier sessions of this process.
import { rememberSerial, serialUntilOf } from "../net/serial-hosts.ts";
import type { Settings } from "../options/client.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import { pipeliningFault, type PipeliningFault } from "../protocol/pipelining-faults.ts";

/**
 * How the client sends commands:
 *
 * - `"on"`: several commands may be in flight.
 * - `"limited"`: several commands may be in flight, but after RETR or TOP none is sent until the message is
 *   complete. The server is known to answer such commands wrongly.
 * - `"off"`: one command at a time. The server does not list PIPELINING, or is known to break it, or broke a
 *   pipelined session of this process in the last 24 hours, or the option `pipelining` is `false`.
 * - `"broken"`: this session failed while several commands were in flight. The server broke the protocol,
 *   closed the connection or did not reply. New sessions with this server are `"off"` for 24 hours.
 */
export type Pop3Pipelining = "on" | "limited" | "off" | "broken";

export class PipeliningMode {
  readonly #settings: Settings;
  /** The known pipelining fault of the server software. */
  #fault: PipeliningFault | undefined;
  /** Whether the server broke an earlier pipelined session. */
  #serial = false;
  #broken = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Recalls what the server did to earlier sessions. To be called before the connection is made. */
  recall(): void {
    this.#serial = serialUntilOf(this.#settings) !== undefined;
  }

  /** Looks for a known fault in what the server says about itself. Some do that only before the login: keeps it. */
  heard(greeting: string | undefined, capabilities: Capabilities): void {
    this.#fault ??= pipeliningFault(greeting, capabilities);
  }

  /** The session failed while several commands were in flight. Remembered for later sessions. */
  broke(): void {
    this.#broken = true;
    rememberSerial(this.#settings);
  }

  /** The mode, given the capabilities that count now. */
  given(capabilities: Capabilities): Pop3Pipelining {
    if (this.#broken) return "broken";
    if (!capabilities.pipelining || this.#settings.window === undefined || this.#serial) return "off";
    if (this.#fault === undefined) return "on";
    return this.#fault.breaks === "all" ? "off" : "limited";
  }
}
