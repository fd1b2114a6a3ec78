// Writes commands to the stream. Those of many callers are sent in one write, at the end of a turn of the event
// loop, or before the loop continues if one of them is prompt.
import type { Duplex } from "node:stream";
import type { Secrets } from "../protocol/secrets.ts";
import type { Exchange } from "./exchange.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Traffic } from "./traffic.ts";
import type { WireLog } from "./wire-log.ts";

const CRLF: Buffer = Buffer.from("\r\n", "latin1");

export interface SenderSetup {
  readonly stream: Duplex;
  readonly pipeline: Pipeline;
  readonly log: WireLog;
  readonly traffic: Traffic;
  /** Those of each command are added. */
  readonly secrets: Secrets;
}

export class Sender {
  readonly #stream: Duplex;
  readonly #pipeline: Pipeline;
  readonly #log: WireLog;
  readonly #traffic: Traffic;
  readonly #secrets: Secrets;
  readonly #expect: (first: Exchange<unknown>) => void;
  #scheduled: NodeJS.Immediate | undefined;
  #stopped = false;
  #together = 0;

  /** `expect`: called before the first command is written when no reply is expected. */
  constructor(
    { stream, pipeline, log, traffic, secrets }: SenderSetup,
    expect: (first: Exchange<unknown>) => void,
  ) {
    this.#stream = stream;
    this.#pipeline = pipeline;
    this.#log = log;
    this.#traffic = traffic;
    this.#secrets = secrets;
    this.#expect = expect;
  }

  /** The largest number of replies expected at the same time, since the last command that was sent alone. */
  get together(): number {
    return this.#together;
  }

  /** Sends the waiting commands soon. `prompt`: before the event loop continues. */
  schedule(prompt = false): void {
    if (this.#pipeline.queued === 0) return;
    if (prompt) process.nextTick(this.#flush);
    else this.#scheduled ??= setImmediate(this.#flush);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
  }

  readonly #flush = (): void => {
    this.#scheduled = undefined;
    if (this.#stopped) return;
    const idle = this.#pipeline.length === 0;
    const batch = this.#pipeline.takeSendable();
    if (batch.length === 0) return;
    this.#together = Math.max(idle ? 0 : this.#together, this.#pipeline.length);
    if (idle) this.#traffic.roundTrips++;
    this.#traffic.commands += batch.length;
    for (const exchange of batch) {
      exchange.depart();
      this.#traffic.sent += exchange.text;
    }
    // Before the write: the peer of a stream in memory may answer synchronously.
    if (idle) this.#expect(batch[0] as Exchange<unknown>);
    let text = "";
    for (const { command } of batch) {
      if (command.secrets !== undefined) this.#secrets.add(...command.secrets);
      this.#log.sent(command);
      // A command in another charset is rare: write it separately.
      if (command.encoded !== undefined) {
        if (text !== "") this.#stream.write(text, "utf8");
        text = "";
        this.#stream.write(Buffer.concat([command.encoded, CRLF]));
      } else text += `${command.line}\r\n`;
    }
    if (text !== "") this.#stream.write(text, "utf8");
  };
}
