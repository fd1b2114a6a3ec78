// Two thousand messages of every kind arrive byte for byte, however the stream is cut.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { seededMessages } from "../support/messages.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { dialSingleOctets } from "./single-octets.ts";
import { reach } from "../servers/transport.ts";

const COUNT = 2000;
const SEED = 1939;
const DOT = 0x2e;
const SMALL = 64 * 1024;

describe(`${COUNT} seeded messages`, () => {
  let server: Dovecot;
  const hashes: string[] = [];
  const sizes: number[] = [];
  /**
   * Dovecot does not stuff a dot in the first octet of a message: the client receives another message, or its
   * end.
   */
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
        sizes.push(served.length);
        hashes.push(sha256(served));
        yield message;
      }
    };
    await server.deliver("ann", delivered());
  });

  afterAll(() => server.stop());

  async function retrieve(options: Pop3ClientOptions, numbers?: readonly number[]): Promise<string[]> {
    await using client = await Pop3Client.connect({ ...options, auth: { user: "ann", pass: "secret" } });
    const retrieved: string[] = [];
    for await (const message of client.retrieve(numbers)) retrieved.push(sha256(await message.buffer()));
    await client.quit();
    return retrieved;
  }

  it("few of them cannot be delivered", () => {
    expect(hashes.length + undeliverable).toBe(COUNT);
    expect(undeliverable).toBeLessThan(COUNT / 10);
  });

  it.each(["plain", "STLS", "TLS port"] as const)("arrive unchanged over %s", async (transport) => {
    expect(await retrieve(reach(server, transport))).toEqual(hashes);
  });

  it("arrive unchanged one command at a time", async () => {
    expect(await retrieve({ ...reach(server, "plain"), pipelining: false })).toEqual(hashes);
  });

  it.each(["plain", "STLS"] as const)("arrive unchanged octet by octet over %s", async (transport) => {
    // One in two hundred has a line of a mebibyte; octet by octet these take longer than all the others.
    const numbers = sizes.flatMap((size, index) => (size < SMALL ? [index + 1] : []));
    expect(numbers.length).toBeGreaterThanOrEqual(sizes.length - COUNT / 200);
    const options = { ...reach(server, transport), socket: dialSingleOctets };
    expect(await retrieve(options, numbers)).toEqual(numbers.map((number) => hashes[number - 1]));
  });

  it("those with a line of a mebibyte arrive unchanged octet by octet, too", async () => {
    const numbers = sizes.flatMap((size, index) => (size < SMALL ? [] : [index + 1]));
    expect(numbers.length).toBeGreaterThan(0);
    const options = { ...reach(server, "plain"), socket: dialSingleOctets };
    expect(await retrieve(options, numbers)).toEqual(numbers.map((number) => hashes[number - 1]));
  });
});
