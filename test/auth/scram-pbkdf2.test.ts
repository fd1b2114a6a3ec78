// PBKDF2 uses at most two threads, whatever fails, and leaves the others to the rest of the process.
import { expect, test, vi } from "vitest";
import { pbkdf2 } from "../../src/auth/pbkdf2.ts";

type Callback = (error: Error | null, key: Buffer) => void;

/** What Node was asked to derive, and has not derived yet. */
const derivations = vi.hoisted((): { password: string; done: Callback }[] => []);

vi.mock("../../src/system/crypto.ts", () => ({
  crypto: () => ({
    pbkdf2: (password: string, ...[, iterations, , , done]: [Buffer, number, number, string, Callback]) => {
      if (iterations > 2 ** 31 - 1) throw new RangeError("out of range");
      derivations.push({ password, done });
    },
  }),
}));

const SALT = Buffer.from("salt");
const begin = (password: string, iterations = 4096): Promise<Buffer> =>
  pbkdf2("sha256", password, SALT, iterations);
const asked = (): string[] => derivations.map(({ password }) => password);
/** Node is done with the one that it began first. */
const finish = (error: Error | null = null): void => {
  const { password, done } = derivations.shift() as (typeof derivations)[number];
  done(error, Buffer.from(password));
};

test("runs two calls at a time, in the order of the calls", async () => {
  const keys = ["a", "b", "c", "d", "e"].map((password) => begin(password));
  expect(asked()).toEqual(["a", "b"]);
  finish();
  expect(await keys[0]).toEqual(Buffer.from("a"));
  expect(asked()).toEqual(["b", "c"]);
  finish();
  finish();
  await Promise.all([keys[1], keys[2]]);
  expect(asked()).toEqual(["d", "e"]);
  // Nobody overtakes those who wait, nor adds to those who run.
  const late = begin("late");
  expect(asked()).toEqual(["d", "e"]);
  finish();
  await keys[3];
  expect(asked()).toEqual(["e", "late"]);
  finish();
  finish();
  expect((await Promise.all([...keys, late])).join("")).toBe("abcdelate");
});

test("starts the next call when one fails, and gives the cause", async () => {
  const keys = ["a", "b", "c"].map((password) => begin(password));
  const cause = new Error("disabled in FIPS mode");
  finish(cause);
  await expect(keys[0]).rejects.toMatchObject({
    name: "Pop3Error",
    code: "POP3_NOT_SUPPORTED",
    message: "OpenSSL refuses PBKDF2 with sha256",
    cause,
  });
  expect(asked()).toEqual(["b", "c"]);
  finish();
  finish();
  expect(await Promise.all(keys.slice(1))).toEqual([Buffer.from("b"), Buffer.from("c")]);
});

test("starts the next call when Node rejects the arguments of one", async () => {
  const refused = await Promise.allSettled([1, 2, 3, 4].map(() => begin("a", 2 ** 31)));
  expect(refused).toMatchObject(
    Array(4).fill({ status: "rejected", reason: { name: "Pop3Error", code: "POP3_NOT_SUPPORTED" } }),
  );
  const keys = ["a", "b", "c"].map((password) => begin(password));
  expect(asked()).toEqual(["a", "b"]);
  finish();
  await keys[0];
  finish();
  finish();
  expect(await Promise.all(keys)).toHaveLength(3);
});
