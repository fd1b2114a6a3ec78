// Two thousand messages of every kind arrive octet for octet, however the stream is cut.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { seededMessages } from "../messages.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { SingleOctets } from "./single-octets.ts";
import { reach } from "./transport.ts";

const COUNT = 2000;
const SEED = 1939;
const DOT = 0x2e;

describe(`${COUNT} seeded messages`, () => {
  let server: Dovecot;
  const hashes: string[] = [];
  let octets = 0;
  /** Dovecot sends a dot in a message's first octet unstuffed: what comes then is another message, or the end. */
  let undeliverable = 0;

  beforeAll(async () => {
    server = await Dovecot.start({ users: { ann: "secret" } });
    const delivered = function* (): Generator<Buffer> {
      for (const message of seededMessages(COUNT, SEED)) {
        if (message[0] === DOT) {
          undeliverable++;
          continue;
        }
        const served = servedOctets(message);
        octets += served.length;
        hashes.push(sha256(served));
        yield message;
      }
    };
    await server.deliver("ann", delivered());
  });

  afterAll(() => server.stop());

  async function retrieveAll(options: Pop3ClientOptions): Promise<{ hashes: string[]; octets: number }> {
    await using client = await Pop3Client.connect({ ...options, auth: { user: "ann", pass: "secret" } });
    const retrieved: string[] = [];
    let total = 0;
    for await (const message of client.retrieve()) {
      const whole = await message.buffer();
      total += whole.length;
      retrieved.push(sha256(whole));
    }
    await client.quit();
    return { hashes: retrieved, octets: total };
  }

  it("few of them cannot be delivered", () => {
    expect(hashes.length + undeliverable).toBe(COUNT);
    expect(undeliverable).toBeLessThan(COUNT / 10);
  });

  it.each(["plain", "STLS", "TLS port"] as const)("arrive as they are over %s", async (transport) => {
    expect(await retrieveAll(reach(server, transport))).toEqual({ hashes, octets });
  });

  it("arrive as they are one command at a time", async () => {
    expect(await retrieveAll({ ...reach(server, "plain"), pipelining: false })).toEqual({ hashes, octets });
  });

  it.each(["plain", "TLS port"] as const)("arrive as they are octet by octet over %s", async (transport) => {
    const options = { ...reach(server, transport), socket: SingleOctets.dial };
    expect(await retrieveAll(options)).toEqual({ hashes, octets });
  });
});
