// Everything visible of a client from outside: its log and its traces. They contain no secret, and each call
// ends once.
import { tracingChannel } from "node:diagnostics_channel";
import createDebug from "debug";
import { afterEach, beforeEach, expect } from "vitest";
import { FORMS, visible } from "../support/secret.ts";
import { guardEachTest } from "../support/sentry.ts";

/** What one test has let be seen. */
export class Witness {
  readonly #seen: string[] = [];
  readonly #begun: Map<unknown, number> = new Map();
  readonly #proofs: Set<string> = new Set(FORMS);

  /** Notes an error, a client, a line of the log. */
  saw(value: unknown): void {
    this.#seen.push(typeof value === "string" ? value : visible(value));
  }

  /** Notes what the client wrote: what proves who the user is must be seen nowhere else. */
  wrote(text: string): void {
    for (const line of text.split(/\r?\n/)) for (const proof of proofsIn(line)) this.#proofs.add(proof);
  }

  begun(trace: unknown): void {
    this.#begun.set(trace, 0);
  }

  over(trace: unknown): void {
    this.#begun.set(trace, (this.#begun.get(trace) ?? 0) + 1);
    // Ten thousand of a kind look like the first thousand.
    if (this.#seen.length < 1000) this.saw(trace);
  }

  /** That every call has ended, once, and that nothing secret was seen. */
  testify(): void {
    expect(
      [...this.#begun].filter(([, times]) => times !== 1).map(([trace]) => trace),
      "calls that did not end once",
    ).toEqual([]);
    const seen = this.#seen.join("\n");
    expect(
      [...this.#proofs].filter((proof) => seen.includes(proof)),
      "secrets that can be seen",
    ).toEqual([]);
  }
}

let witness = new Witness();

/** The witness of the current test. */
export function theWitness(): Witness {
  return witness;
}

/** Call it at the top of a file: it checks that none of the file's tests leaves a handle or an unhandled rejection. */
export function watchEachTest(): void {
  guardEachTest();
  const subscriber = {
    start: (trace: unknown) => witness.begun(trace),
    end: () => undefined,
    error: () => undefined,
    asyncStart: () => undefined,
    asyncEnd: (trace: unknown) => witness.over(trace),
  };
  const channels = ["popwright:command", "popwright:session"].map((name) => tracingChannel(name));
  const { log } = createDebug;
  beforeEach(() => {
    witness = new Witness();
    createDebug.log = (...args: unknown[]) => witness.saw(args.map(String).join(" "));
    createDebug.enable("popwright:*");
    for (const channel of channels) channel.subscribe(subscriber);
  });
  afterEach(() => {
    createDebug.disable();
    createDebug.log = log;
    for (const channel of channels) channel.unsubscribe(subscriber);
    witness.testify();
  });
}

/** A line that proves nothing, as far as it is one of ours. */
const COMMAND = /^(?:[A-Z0-9]{3,5}(?: [\d ]+)?|USER .*|AUTH \S+|\*|=)$/;

/** What a line says to prove who the user is: as it went out, and without its base64. */
function proofsIn(line: string): string[] {
  const said = /^(?:AUTH \S+ |PASS |APOP \S+ )(.+)$/.exec(line)?.[1] ?? (COMMAND.test(line) ? "" : line);
  const plain = Buffer.from(said, "base64").toString("utf8");
  return [said, plain, ...(/(?<=,p=).+$/.exec(plain) ?? [])].filter((proof) => proof.length >= 12);
}
