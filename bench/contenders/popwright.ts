// popwright: the built package, through its public API.
import { Pop3Client } from "popwright";
import { HOST, PASS, trusted, type Contender, type ContenderSession, type Target } from "./contender.ts";

class PopwrightSession implements ContenderSession {
  readonly #client: Pop3Client;
  readonly #readable: boolean;

  /** `readable`: reads a large message as a Readable. */
  constructor(client: Pop3Client, readable = false) {
    this.#client = client;
    this.#readable = readable;
  }

  async prepare(): Promise<void> {
    await this.#client.list();
    await this.#client.uidl();
  }

  async retrieve(_count: number, take: (message: Buffer) => void): Promise<void> {
    for await (const message of this.#client.retrieve()) take(await message.buffer());
  }

  async stream(take: (octets: Buffer) => boolean): Promise<void> {
    for await (const message of this.#client.retrieve()) {
      if (this.#readable) {
        for await (const octets of message.stream() as AsyncIterable<Buffer>) take(octets);
        return;
      }
      const chunks = message[Symbol.asyncIterator]();
      // To stop is not to leave the loop: that would drop the rest.
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next())
        if (!take(next.value)) return;
      return;
    }
  }

  uidl(): Promise<unknown> {
    return this.#client.uidl();
  }

  list(): Promise<unknown> {
    return this.#client.list();
  }

  async quit(): Promise<void> {
    await this.#client.quit();
  }
}

async function connect(target: Target): Promise<Pop3Client> {
  const { port, mailbox } = target;
  const ca = trusted(target);
  return Pop3Client.connect({
    host: HOST,
    port,
    auth: { user: mailbox, pass: PASS },
    ...(ca === undefined ? { secure: false, stls: "never" as const } : { tls: { ca } }),
  });
}

export const popwright: Contender = {
  name: "popwright",
  open: async (target) => new PopwrightSession(await connect(target)),
};

/** The same with `stream()`, for a large message. */
export const popwrightStream: Contender = {
  name: "popwright stream()",
  open: async (target) => new PopwrightSession(await connect(target), true),
};
