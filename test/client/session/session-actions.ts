// The actions of a caller in a session, as data for random tests. Each answer is checked against the expected
// one.
import { expect } from "vitest";
import type { Pop3Client, Pop3Error, Pop3Message } from "../../../src/index.ts";
import { turns } from "../../support/turns.ts";

/** How a loop over `retrieve()` treats its messages. */
export type Treatment = "buffer" | "skip" | "stream" | "begin" | "dele" | "noop" | "slow" | "break";

export type Action =
  | {
      readonly do: "retr" | "top" | "list" | "uidl" | "stream";
      readonly number: number;
      readonly abort: number | undefined;
    }
  | {
      readonly do: "stat" | "noop" | "rset" | "capa" | "list all" | "uidl all";
      readonly abort: number | undefined;
    }
  | { readonly do: "dele"; readonly numbers: readonly number[]; readonly abort: number | undefined }
  | { readonly do: "loop"; readonly treatments: readonly Treatment[]; readonly abort: number | undefined }
  | { readonly do: "turns"; readonly count: number }
  | { readonly do: "wait" };

/** The body of a message, from which its number can be told. */
export function bodyOf(number: number, size: number): Buffer {
  const line = `.${String(number)} is the number of this message\r\n`;
  return Buffer.from(line.repeat(Math.ceil(size / line.length) + 1));
}

/** Carries out actions, without waiting for one before the next begins. */
export class Caller {
  readonly #client: Pop3Client;
  readonly #bodies: readonly Buffer[];
  readonly #calls: Promise<void>[] = [];
  /** The codes of all errors. */
  readonly codes: Set<string> = new Set();

  constructor(client: Pop3Client, bodies: readonly Buffer[]) {
    this.#client = client;
    this.#bodies = bodies;
  }

  /** Resolves when every call so far has settled. Rejects if one got the answer of another. */
  async settled(): Promise<void> {
    await Promise.all(this.#calls);
  }

  async act(action: Action): Promise<void> {
    if (action.do === "wait") await this.settled();
    else if (action.do === "turns") await turns(action.count);
    else {
      const controller = new AbortController();
      const { abort } = action;
      this.#calls.push(this.#tolerate(this.#call(action, controller.signal)));
      if (abort !== undefined) void turns(abort).then(() => controller.abort());
    }
  }

  /** Accepts an error of the library as an outcome. Any other error, such as one of `expect`, is thrown again. */
  async #tolerate(call: Promise<void>): Promise<void> {
    await call.catch((error: unknown) => {
      const { code } = error as Pop3Error;
      if (typeof code !== "string" || !code.startsWith("POP3_")) throw error;
      this.codes.add(code);
    });
  }

  async #call(action: Exclude<Action, { do: "wait" | "turns" }>, signal: AbortSignal): Promise<void> {
    const client = this.#client;
    switch (action.do) {
      case "retr":
        this.#check(action.number, await client.retr(action.number, { signal }));
        return;
      case "top":
        this.#check(action.number, await client.top(action.number, 1000, { signal }));
        return;
      case "list":
        expect(await client.list(action.number, { signal })).toBe(this.#body(action.number).length);
        return;
      case "uidl":
        expect(await client.uidl(action.number, { signal })).toBe(`uid-${String(action.number)}`);
        return;
      case "stream": {
        const pieces: Buffer[] = [];
        for await (const piece of client.retrStream(action.number, { signal })) pieces.push(piece as Buffer);
        this.#check(action.number, Buffer.concat(pieces));
        return;
      }
      case "stat":
        expect((await client.stat({ signal })).count).toBeLessThanOrEqual(this.#bodies.length);
        return;
      case "list all":
        for (const [number, size] of await client.list({ signal }))
          expect(size).toBe(this.#body(number).length);
        return;
      case "uidl all":
        for (const [number, uid] of await client.uidl({ signal })) expect(uid).toBe(`uid-${String(number)}`);
        return;
      case "capa":
        expect((await client.capa({ signal })).uidl).toBe(true);
        return;
      case "noop":
        return client.noop({ signal });
      case "rset":
        return client.rset({ signal });
      case "dele":
        return client.dele(action.numbers, { signal });
      case "loop":
        return this.#loop(action.treatments, signal);
    }
  }

  async #loop(treatments: readonly Treatment[], signal: AbortSignal): Promise<void> {
    let count = 0;
    for await (const message of this.#client.retrieve(undefined, { signal })) {
      const treatment = treatments[count++ % treatments.length] ?? "skip";
      if (treatment === "break") break;
      await this.#tolerate(this.#treat(message, treatment));
    }
  }

  async #treat(message: Pop3Message, treatment: Treatment): Promise<void> {
    expect([undefined, `uid-${String(message.number)}`]).toContain(message.uid);
    if (treatment === "begin") for await (const _ of message) break;
    else if (treatment === "stream") {
      const pieces: Buffer[] = [];
      for await (const piece of message) pieces.push(piece);
      this.#check(message.number, Buffer.concat(pieces));
    } else if (treatment !== "skip") {
      if (treatment === "slow") await turns(5);
      if (treatment === "noop") await this.#client.noop();
      this.#check(message.number, await message.buffer());
      if (treatment === "dele") await this.#client.dele(message.number);
    }
  }

  #body(number: number): Buffer {
    return this.#bodies[number - 1] ?? Buffer.alloc(0);
  }

  #check(number: number, octets: Buffer): void {
    // Compared as a whole: a difference of megabytes is nothing to print.
    expect(octets.equals(this.#body(number)), `what came for message ${String(number)}`).toBe(true);
  }
}
