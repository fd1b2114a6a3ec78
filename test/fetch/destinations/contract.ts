// The contract that every destination must pass, and what those that keep files promise in addition.
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isDown, isLater } from "../../../src/fetch/destinations/destination-error.ts";
import type { Destination } from "../../../src/fetch/index.ts";
import { destinationContract, type DestinationContractOptions } from "../../../src/testing/index.ts";
import { breakFiles, fileHandlePrototype, type FileStep } from "./broken-files.ts";
import { begun, deliver } from "../../support/delivery.ts";
import { systemError } from "../../support/file-handles.ts";
import { Folder } from "../../support/folder.ts";

export interface Subject {
  /** A destination in a directory; a second one in the same is another process's. */
  readonly make: (directory: string) => Destination;
  /** The messages that are in it, whatever their names. */
  readonly delivered: (directory: string) => Promise<Buffer[]>;
  /** All files that it may leave when nothing was delivered. */
  readonly remains?: readonly string[] | RegExp;
  /** What it keeps of a message. @default every octet */
  readonly form?: (message: Buffer) => Buffer;
  readonly refusesEmpty?: boolean;
  readonly knowsKeys: boolean;
  /** Makes it refuse the message with this key. @default it refuses no single message */
  readonly refuse?: (directory: string, key: string) => unknown;
  /** What it does to files on the way of a message; each may fail. */
  readonly steps: readonly FileStep[];
}

/** What the destination promises for each message, with the options that it has no use for. */
const NOT_FOR_ALL: Readonly<Record<string, readonly string[]>> = {
  Maildir: ["respectsFences"],
  EmlFolder: ["respectsFences"],
  Mbox: ["respectsFences", "refuse"],
  Command: ["respectsFences", "knowsKeys"],
  ImapAppend: ["respectsFences"],
  Webhook: ["respectsFences", "failWrites"],
  GmailImport: ["respectsFences", "knowsKeys", "failWrites"],
  Lmtp: ["respectsFences", "knowsKeys", "failWrites"],
  deliverTo: ["respectsFences", "knowsKeys", "failWrites"],
};

const STEPS = ["write", "writev", "appendFile", "sync", "datasync"] as const;

/** Everything that is written to a file fails. */
async function fillDisk(): Promise<() => void> {
  const prototype = await fileHandlePrototype();
  const spies = STEPS.map((name) => vi.spyOn(prototype, name).mockRejectedValue(systemError("ENOSPC")));
  return () => {
    for (const spy of spies) spy.mockRestore();
  };
}

/** A file in place of the message, or a sign for those that look for one. */
export async function obstruct(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

export async function sign(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "");
}

/** The published contract, for one of our destinations. */
function testContract(name: string, subject: Subject): void {
  const { make, delivered, remains = [], form, refusesEmpty = false, knowsKeys, refuse, steps } = subject;
  const reopened = (folder: Folder) => {
    const directory = join(folder.path, "mail");
    return Object.assign(make(directory), { folder, directory });
  };
  type Placed = ReturnType<typeof reopened>;
  const options: DestinationContractOptions<Placed> = {
    messages: ({ directory }) => delivered(directory),
    keeps: form ?? "bytes",
    contents: async ({ folder }) =>
      (await folder.files()).filter((file) =>
        remains instanceof RegExp ? !remains.test(file) : !remains.includes(file),
      ),
    reopen: ({ folder }) => reopened(folder),
    remove: ({ folder }) => folder.remove(),
    refusesEmpty,
    ...(knowsKeys && { knowsKeys }),
    ...(steps.length > 0 && { failWrites: fillDisk }),
    ...(refuse && { refuse: ({ directory }: Placed, key: string) => refuse(directory, key) }),
  };
  const cases = destinationContract(async () => reopened(await Folder.make()), options);
  for (const each of cases.filter(({ notRun }) => notRun === undefined)) test(each.name, () => each.run());

  test("no case is left out that could be run", () => {
    const missing = cases.flatMap(
      ({ notRun }) => notRun?.match(/(?<=option ).*/)?.[0].split(" and ")[0] ?? [],
    );
    expect([...new Set(missing)].sort()).toEqual([...(NOT_FOR_ALL[name] ?? [])].sort());
  });
}

const [ONE, TWO] = [Buffer.from("one\r\n"), Buffer.from("two\r\n")];

export function contract(name: string, subject: Subject): void {
  const { make, delivered, form = (message: Buffer): Buffer => message } = subject;
  describe(name, () => {
    testContract(name, subject);

    let folder: Folder;
    let directory: string;
    let destination: Destination;
    beforeEach(async () => {
      folder = await Folder.make();
      directory = join(folder.path, "mail");
      destination = make(directory);
    });
    afterEach(() => folder.remove());

    test("creates files that only their owner can read", async () => {
      await deliver(destination, "one", ONE);
      const writer = await begun(destination, "two");
      await writer.write(TWO);
      for (const entry of await readdir(folder.path, { recursive: true })) {
        expect([entry, (await stat(join(folder.path, entry))).mode & 0o077]).toEqual([entry, 0]);
      }
      await writer.abort();
    });

    if (!subject.knowsKeys)
      test("recognises no keys", async () => {
        expect(await deliver(destination, "one", ONE)).toBe("new");
        expect(await deliver(destination, "one", ONE)).toBe("new");
      });

    test.each(subject.steps)("leaves nothing if a disk is full: %s", async (step) => {
      await deliver(destination, "one", ONE);
      const before = await folder.files();
      const broken = await breakFiles(step);
      const failure: unknown = await deliver(destination, "two", TWO).catch((error: unknown) => error);
      broken.repair();
      expect([failure, (failure as Error).cause]).toContainEqual(expect.objectContaining({ code: "ENOSPC" }));
      expect([isDown(failure), isLater(failure)]).toEqual([true, true]);
      expect(await delivered(directory)).toEqual([form(ONE)]);
      expect(await folder.files()).toEqual(before);
      expect(await deliver(destination, "two", TWO)).toBe("new");
      expect(await delivered(directory)).toHaveLength(2);
    });

    if (subject.steps.length > 0)
      test("is down if something else has its path", async () => {
        await folder.write("mail", "a file");
        const failure: unknown = await deliver(destination, "one", ONE).catch((error: unknown) => error);
        expect(isDown(failure)).toBe(true);
        await folder.removeFile("mail");
        expect(await deliver(destination, "one", ONE)).toBe("new");
      });
  });
}
