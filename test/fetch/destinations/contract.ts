// The tests that every destination must pass, and those for destinations that recognise keys or keep files.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isDown, isLater } from "../../../src/fetch/destinations/destination-error.ts";
import type { Destination } from "../../../src/fetch/index.ts";
import { breakFiles, type FileStep } from "./broken-files.ts";
import { begun, deliver, MESSAGES, piecesOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";

export interface Subject {
  /** A destination in a directory; a second one in the same is another process's. */
  readonly make: (directory: string) => Destination;
  /** The messages that are in it, whatever their names. */
  readonly delivered: (directory: string) => Promise<Buffer[]>;
  /** All files that it may leave when nothing was delivered. */
  readonly remains?: readonly string[];
  /** What it keeps of a message. @default every octet */
  readonly form?: (message: Buffer) => Buffer;
  readonly knowsKeys: boolean;
  /** What it does to files on the way of a message; each may fail. */
  readonly steps: readonly FileStep[];
}

const [ONE, TWO] = [Buffer.from("one\r\n"), Buffer.from("two\r\n")];

export function contract(name: string, { make, delivered, form = (m) => m, ...subject }: Subject): void {
  describe(name, () => {
    let folder: Folder;
    let directory: string;
    let destination: Destination;
    beforeEach(async () => {
      folder = await Folder.make();
      directory = join(folder.path, "mail");
      destination = make(directory);
    });
    afterEach(() => folder.remove());

    /** The files other than the messages. */
    async function remains(): Promise<string[]> {
      const files = await folder.files();
      return files.filter((file) => subject.remains?.includes(file) !== true);
    }

    test.each(Object.entries(MESSAGES))("keeps the octets: %s", async (title, message) => {
      expect(await deliver(destination, title, message)).toBe("new");
      const [kept, ...more] = await delivered(directory);
      expect(more).toEqual([]);
      // Buffers are compared as such: what differs would be megabytes of a report.
      expect(kept?.equals(form(message))).toBe(true);
    });

    test("keeps messages apart that arrive at the same time", async () => {
      const titles = Object.keys(MESSAGES).slice(0, 6);
      await Promise.all(titles.map((title) => deliver(destination, title, MESSAGES[title] as Buffer)));
      const expected = titles.map((title) => form(MESSAGES[title] as Buffer).toString("hex"));
      const kept = (await delivered(directory)).map((message) => message.toString("hex"));
      expect(kept.sort()).toEqual(expected.sort());
    });

    test("keeps no part of an aborted message", async () => {
      const writer = await begun(destination, "aborted");
      for (const piece of piecesOf(MESSAGES["5 MB"] as Buffer)) await writer.write(piece);
      await writer.abort();
      const unwritten = await begun(destination, "unwritten");
      await unwritten.abort();
      expect(await delivered(directory)).toEqual([]);
      expect(await remains()).toEqual([]);
      expect(await deliver(destination, "aborted", ONE)).toBe("new");
      expect(await delivered(directory)).toEqual([form(ONE)]);
    });

    test("creates files that only their owner can read", async () => {
      await deliver(destination, "one", ONE);
      const writer = await begun(destination, "two");
      await writer.write(TWO);
      for (const entry of await readdir(folder.path, { recursive: true })) {
        expect([entry, (await stat(join(folder.path, entry))).mode & 0o077]).toEqual([entry, 0]);
      }
      await writer.abort();
    });

    if (subject.knowsKeys) knowingKeys();
    else
      test("recognises no keys", async () => {
        expect(await deliver(destination, "one", ONE)).toBe("new");
        expect(await deliver(destination, "one", ONE)).toBe("new");
      });

    function knowingKeys(): void {
      test("recognises what it has delivered, and what another process has", async () => {
        expect(await deliver(destination, "one", ONE)).toBe("new");
        expect(await deliver(destination, "one", TWO)).toBe("known");
        const another = make(directory);
        expect(await deliver(another, "one", TWO)).toBe("known");
        expect(await deliver(another, "two", TWO)).toBe("new");
        expect(await deliver(destination, "two", ONE)).toBe("known");
        expect(await delivered(directory)).toHaveLength(2);
      });

      test("stores a message once that arrives twice at the same time", async () => {
        const [first, second, third] = [
          await begun(destination, "one"),
          await begun(destination, "one"),
          await begun(make(directory), "one"),
        ];
        for (const writer of [first, second, third]) await writer.write(Buffer.from(ONE));
        const outcomes = await Promise.all([
          first.commit(entryFor("a")),
          second.commit(entryFor("a")),
          third.commit(entryFor("a")),
        ]);
        expect(outcomes.sort()).toEqual(["known", "known", "new"]);
        expect(await delivered(directory)).toEqual([form(ONE)]);
      });
    }

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
