// Bugs that are planted to show that the explorer finds them. Each changes what the file system does, or wraps the
// destination, so that it does not depend on how popwright is written.
import type { Committed, Destination, DeliveryWriter } from "../../src/fetch/index.ts";
import type { Promised } from "./explorer.ts";
import type { Node } from "./nodes.ts";
import type { Bug } from "./recording.ts";

export interface PlantedBug {
  readonly name: string;
  /** The promise that it breaks. */
  readonly breaks: Promised;
  /** The name of the place into which the run delivers. @default "Maildir" */
  readonly place?: string;
  /** Returns the bug as it is at the start of a run. */
  plant(): Bug;
}

export const BUGS: readonly PlantedBug[] = [
  {
    name: "DELE before the sync of the ledger",
    breaks: "DELE is sent only for what the destination and the ledger keep",
    plant: () => ({ distortion: { sync: (path) => (path.endsWith(".journal") ? "late" : undefined) } }),
  },
  {
    name: "no sync of directories",
    breaks: "an entry has its message",
    plant: () => {
      const isOfDestination = (path: string, { kind }: Node): boolean =>
        kind === "directory" && path.startsWith("/mail");
      return { distortion: { sync: (path, node) => (isOfDestination(path, node) ? "none" : undefined) } };
    },
  },
  {
    name: "half of a group survives in the destination",
    breaks: "an entry has its message",
    plant: () => {
      let count = 0;
      const isDropped = (path: string): boolean => path.includes(".popwright-") && ++count % 2 === 0;
      return { distortion: { sync: (path) => (isDropped(path) ? "none" : undefined) } };
    },
  },
  {
    name: "no sync of an mbox",
    breaks: "an entry has its message",
    place: "mbox",
    plant: () => ({ distortion: { sync: (path) => (path === "/mail/inbox" ? "none" : undefined) } }),
  },
  {
    name: "no sync of the note of an mbox",
    breaks: "each message is there once, byte for byte",
    place: "mbox",
    plant: () => ({ distortion: { sync: (path) => (isNote(path) ? "none" : undefined) } }),
  },
  {
    name: "half of a group survives in an mbox",
    breaks: "an entry has its message",
    place: "mbox",
    plant: () => ({ distortion: { sync: (path) => (path === "/mail/inbox" ? "half" : undefined) } }),
  },
  {
    name: "half of a group survives in the ledger",
    breaks: "a record is kept whole or not at all, and for ever once it was reported",
    plant: () => ({ distortion: { sync: (path) => (path.endsWith(".journal") ? "half" : undefined) } }),
  },
  {
    name: "an entry without its message",
    breaks: "an entry has its message",
    plant: () => ({ destination: hasty }),
  },
];

/** Whether a file is the note of an append to the mbox. */
function isNote(path: string): boolean {
  return path.startsWith("/mail/.inbox.popwright-");
}

/** A destination that reports a message as stored before it is. */
function hasty(destination: Destination): Destination {
  const begin = async (...args: Parameters<Destination["begin"]>): Promise<DeliveryWriter | "known"> => {
    const writer = await destination.begin(...args);
    if (writer === "known") return writer;
    const commit = async (...given: Parameters<DeliveryWriter["commit"]>): Promise<Committed> => {
      writer.commit(...given).catch(() => undefined);
      return Promise.resolve("new");
    };
    return { write: (octets) => writer.write(octets), commit, abort: () => writer.abort() };
  };
  return { group: destination.group, begin };
}

/** Bugs of a destination that keeps a journal. With each of them a message is there twice after some crash. */
export const JOURNAL_BUGS: readonly Pick<PlantedBug, "name" | "plant">[] = [
  {
    name: "the journal of the destination is synced too late",
    plant: () => ({ distortion: { sync: (path) => (isJournal(path) ? "late" : undefined) } }),
  },
  {
    // A torn write destroys the line before it, which is durable.
    name: "each line of the journal replaces the one before",
    plant: () => {
      const first = new Map<string, number>();
      const position = (path: string, at: number): number => {
        if (!isJournal(path)) return at;
        if (!first.has(path)) first.set(path, at);
        return first.get(path) as number;
      };
      return { distortion: { position } };
    },
  },
];

/** Whether a file is the journal of a destination. */
function isJournal(path: string): boolean {
  return /^\/mail\/.*\.(?:journal|uploads)$/.test(path);
}

/** A process that believes to hold its locks although another one has taken them over. */
export function believing(): Bug {
  const own = new Map<string, Node>();
  const nameOf = (pid: number, path: string): string => `${String(pid)} ${path}`;
  return {
    unnoticed: true,
    distortion: {
      openedForWriting: (path, node, { pid }) => {
        if (path.endsWith(".lock") && !own.has(nameOf(pid, path))) own.set(nameOf(pid, path), node);
      },
      find: (path, found, { pid }) => own.get(nameOf(pid, path)) ?? found,
    },
  };
}
