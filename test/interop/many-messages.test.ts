// A maildrop of ten thousand messages is listed, retrieved and emptied like a small one.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { reach, type Transport } from "../servers/transport.ts";

const COUNT = 10_000;
const numbers = Array.from({ length: COUNT }, (_, index) => index + 1);

/** No two alike; from 60 to 1,600 octets, with dots to unstuff. */
function letter(number: number): Buffer {
  const lines = Array.from(
    { length: number % 40 },
    (_, line) => `${".".repeat(line % 3)}Line ${line} of it.`,
  );
  return Buffer.from([`Subject: message ${number}`, "", ...lines, `${number} ends.`, ""].join("\r\n"));
}

describe(`a maildrop of ${COUNT} messages`, () => {
  let server: Dovecot;
  const auth = { user: "ann", pass: "secret" };
  const connect = (transport: Transport): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, transport), auth });

  beforeAll(async () => {
    server = await Dovecot.start({ users: { [auth.user]: auth.pass } });
    await server.deliver(auth.user, numbers.map(letter));
  });

  afterAll(() => server.stop());

  it("is listed: sizes and unique-ids", async () => {
    await using client = await connect("plain");
    const [stat, sizes, uids] = await Promise.all([client.stat(), client.list(), client.uidl()]);
    const expected = numbers.map((number) => servedOctets(letter(number)).length);
    expect([...sizes.keys()]).toEqual(numbers);
    expect([...sizes.values()]).toEqual(expected);
    expect(stat).toEqual({ count: COUNT, size: expected.reduce((sum, size) => sum + size, 0) });
    expect([...uids.keys()]).toEqual(numbers);
    expect(new Set(uids.values()).size).toBe(COUNT);
    await client.quit();
  });

  it.each(["plain", "TLS port"] as const)("is retrieved over %s", async (transport) => {
    await using client = await connect(transport);
    const uids = await client.uidl();
    const retrieved: { number: number; uid: string | undefined; size: number | undefined; hash: string }[] =
      [];
    for await (const message of client.retrieve()) {
      const { number, uid, size } = message;
      retrieved.push({ number, uid, size, hash: sha256(await message.buffer()) });
    }
    expect(retrieved).toEqual(
      numbers.map((number) => {
        const served = servedOctets(letter(number));
        return { number, uid: uids.get(number), size: served.length, hash: sha256(served) };
      }),
    );
    await client.quit();
  });

  it("is emptied by DELE of all, pipelined, and QUIT", async () => {
    await using client = await connect("plain");
    await client.dele(numbers);
    expect(client.marked.size).toBe(COUNT);
    expect(await client.stat()).toEqual({ count: 0, size: 0 });
    expect(await server.count(auth.user)).toBe(COUNT);
    await client.quit();
    expect(await server.count(auth.user)).toBe(0);
  });
});
