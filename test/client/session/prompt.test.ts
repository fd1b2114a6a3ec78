// DELE and QUIT are written before the event loop continues: what a caller has just confirmed, such as its lease, still
// holds then.
import type { Duplex } from "node:stream";
import { expect, test, vi } from "vitest";
import { Pop3Client } from "popwright";
import { LOGIN_ANSWERS, MemoryServer } from "../../support/memory-server.ts";

/** Resolves before the event loop continues, when what is due before that is done. */
const atOnce = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

test("DELE and QUIT are written at once, NOOP at the end of the turn", async () => {
  const server = new MemoryServer({ ...LOGIN_ANSWERS, DELE: "+OK\r\n", NOOP: "+OK\r\n", QUIT: "+OK\r\n" });
  const auth = { user: "ann", pass: "secret", mechanism: "USER" } as const;
  const client = await Pop3Client.connect({ ...server.options, auth, allowPlaintextAuth: true });
  const write = vi.spyOn(server.options.socket as Duplex, "write");
  const written = (): unknown[] => write.mock.calls.map(([octets]) => octets as unknown);
  const noop = client.noop();
  await atOnce();
  expect(written()).toEqual([]);
  await noop;
  const marking = client.dele(1);
  await atOnce();
  expect(written()).toEqual(["NOOP\r\n", "DELE 1\r\n"]);
  await marking;
  const leaving = client.quit();
  await atOnce();
  expect(written()).toEqual(["NOOP\r\n", "DELE 1\r\n", "QUIT\r\n"]);
  await leaving;
});
