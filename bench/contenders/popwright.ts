// popwright: the built package, through its public API.
import { Pop3Client } from "popwright";
import { HOST, PASS, type Contender, type ContenderSession, type Target } from "./contender.ts";

class PopwrightSession implements ContenderSession {
  readonly #client: Pop3Client;

  constructor(client: Pop3Client) {
    this.#client = client;
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
      const stream = message.stream();
      await new Promise<void>((resolve, reject) => {
        stream.on("data", (octets: Buffer) => {
          if (!take(octets)) {
            stream.pause();
            resolve();
          }
        });
        stream.once("end", resolve);
        stream.once("error", reject);
      });
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

/**
 * popwright resumes TLS sessions if it gets the same object again; a new one for each connection prevents
 * that.
 */
let tlsOptions: { readonly ca: string } | undefined;

async function connect({ port, ca, mailbox, session }: Target): Promise<Pop3Client> {
  if (ca !== undefined && session !== undefined) tlsOptions ??= { ca };
  return Pop3Client.connect({
    host: HOST,
    port,
    auth: { user: mailbox, pass: PASS },
    ...(ca === undefined ? { secure: false, stls: "never" as const } : { tls: tlsOptions ?? { ca } }),
  });
}

export const popwright: Contender = {
  name: "popwright",
  open: async (target) => new PopwrightSession(await connect(target)),
};
