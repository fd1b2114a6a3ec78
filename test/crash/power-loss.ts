// What a loss of power may leave of a disk: any of the names and of the octets that were not synced, each
// independently of the others.
import { Disk } from "./disk.ts";
import { apply, Directory, File, written, type Node, type Renaming, type Write } from "./nodes.ts";

/** One of the legal states of the names; the contents of the files are still open. */
export type Names = ReadonlyMap<Directory, ReadonlyMap<string, Node>>;

interface Partial {
  readonly names: Names;
  readonly applied: ReadonlySet<Renaming>;
}

/** More than this says that something is hardly ever synced: the exploration would not end. */
const TOO_MANY = 50_000;

function checkNumber(count: number, what: string): void {
  if (count > TOO_MANY) throw new Error(`more than ${TOO_MANY} states of ${what} after a loss of power`);
}

/** Returns every legal state of the names: each change that was not synced is there, or is not. */
export function namesLeft(disk: Disk): Names[] {
  const directories = disk.directories();
  const changes = directories
    .flatMap((directory) => directory.pending.map((renaming) => ({ directory, renaming })))
    .sort((a, b) => a.renaming.order - b.renaming.order || rank(a.renaming) - rank(b.renaming));
  const needed = new Set(changes.flatMap(({ renaming }) => renaming.after ?? []));
  let states: Partial[] = [
    { names: new Map(directories.map((each) => [each, each.durable])), applied: new Set() },
  ];
  for (const { directory, renaming } of changes) {
    const next = new Map<string, Partial>();
    for (const state of states) {
      next.set(keyOf(state), state);
      const { after } = renaming;
      if (after !== undefined && needed.has(after) && !state.applied.has(after) && isPending(disk, after))
        continue;
      const names = new Map(state.names.get(directory));
      apply(names, renaming);
      const applied = needed.has(renaming) ? new Set(state.applied).add(renaming) : state.applied;
      const changed = { names: new Map(state.names).set(directory, names), applied };
      next.set(keyOf(changed), changed);
    }
    states = [...next.values()];
    checkNumber(states.length, "the names");
  }
  const distinct = new Map(states.map(({ names }) => [reachableKey(names, disk.root), names]));
  return [...distinct.values()];
}

/** The two halves of a rename have the same place. The new name comes first. */
function rank({ after }: Renaming): number {
  return after === undefined ? 0 : 1;
}

function isPending(disk: Disk, renaming: Renaming): boolean {
  return disk.directories().some(({ pending }) => pending.includes(renaming));
}

function keyOf({ names, applied }: Partial): string {
  const parts: string[] = [];
  for (const [directory, entries] of names) parts.push(`${directory.number}:${entriesKey(entries)}`);
  return `${parts.join(";")}|${[...applied].map(({ order }) => order).join()}`;
}

function entriesKey(entries: ReadonlyMap<string, Node>): string {
  return [...entries]
    .map(([name, { number }]) => `${name}=${number}`)
    .sort()
    .join();
}

function reachableKey(names: Names, root: Directory): string {
  const entries = names.get(root) ?? new Map<string, Node>();
  const below = [...entries.values()].filter((node) => node.kind === "directory");
  return `${root.number}:${entriesKey(entries)};${below.map((each) => reachableKey(names, each)).join(";")}`;
}

/** Which parts of a torn write are looked at. */
export type Tears = "all" | "few";

const known = new WeakMap<File, readonly Buffer[]>();

/**
 * Returns every legal content of a file: each write is there, or is not, or only a part of it is. The file must
 * not change any more.
 */
function contentsLeft(file: File, tears: Tears): readonly Buffer[] {
  let contents = known.get(file);
  if (contents === undefined) known.set(file, (contents = contentsOf(file, tears)));
  return contents;
}

function contentsOf(file: File, tears: Tears): Buffer[] {
  let contents = new Map([[file.durable.toString("latin1"), file.durable]]);
  for (const write of file.pending) {
    const next = new Map(contents);
    for (const content of contents.values())
      for (const part of partsOf(write, tears)) {
        const changed = written(content, part);
        next.set(changed.toString("latin1"), changed);
      }
    contents = next;
    checkNumber(contents.size, "a file");
  }
  return [...contents.values()];
}

/** How many ends of lines at which a write is torn. */
const LINE_ENDS = 6;

/** A write, and what a torn one leaves: a beginning, an end, or a length without its octets. */
function partsOf(write: Write, tears: Tears): Write[] {
  const { octets } = write;
  if (octets === undefined) return [write];
  const { length } = octets;
  const half = Math.floor(length / 2);
  const ends = new Set(tears === "few" ? [half] : [1, half, length - 1]);
  const lineEnds = tears === "few" ? 0 : LINE_ENDS;
  for (let at = octets.indexOf(0x0a), count = 0; at !== -1 && count < lineEnds; count++) {
    ends.add(at + 1);
    at = octets.indexOf(0x0a, at + 1);
  }
  const messages = messagesIn(octets);
  for (const { from, end } of messages) ends.add(from).add(Math.floor((from + end) / 2));
  const parts = [octets, Buffer.alloc(length)];
  // Of each message, all of it or its end is lost, and what was written after it is not.
  for (const { from, end } of messages)
    for (const lost of [from, Math.floor((from + end) / 2)])
      parts.push(Buffer.concat([octets.subarray(0, lost), Buffer.alloc(end - lost), octets.subarray(end)]));
  for (const end of ends) if (end > 0 && end < length) parts.push(octets.subarray(0, end));
  if (tears === "few") return parts.map((part) => ({ ...write, octets: part }));
  parts.push(Buffer.concat([octets.subarray(0, half), Buffer.alloc(length - half)]));
  parts.push(Buffer.concat([Buffer.alloc(half), octets.subarray(half)]));
  return parts.map((part) => ({ ...write, octets: part }));
}

/** Where the messages are in a write that appends several to an mbox; nothing in any other write. */
function messagesIn(octets: Buffer): { readonly from: number; readonly end: number }[] {
  const starts = [...octets.toString("latin1").matchAll(/(?<=^|\n)From /g)].map(({ index }) => index);
  if (starts.length < 2) return [];
  return starts.map((from, nth) => ({ from, end: starts[nth + 1] ?? octets.length }));
}

/** How many operations were not synced. */
export function unsynced(disk: Disk): number {
  return disk.nodes().reduce((sum, { pending }) => sum + pending.length, 0);
}

/** How many states there are if nothing is left out as equal to another one. */
export function combinations(disk: Disk, tears: Tears): number {
  let count = 1;
  for (const node of disk.nodes()) {
    if (node.kind === "directory") count *= 2 ** node.pending.length;
    else for (const write of node.pending) count *= partsOf(write, tears).length + 1;
  }
  return count;
}

/** A file whose content is chosen when a program looks at it for the first time. */
class OpenFile extends File {
  readonly #choose: (of: number) => number;
  #options: readonly Buffer[] | undefined;
  #chosen: Buffer = Buffer.alloc(0);

  constructor(file: File, tears: Tears, choose: (of: number) => number) {
    super(file.number, file.mode, file.changed);
    this.#choose = choose;
    this.#options = contentsLeft(file, tears);
  }

  /** The contents that are possible: one, once it was chosen. */
  get options(): readonly Buffer[] {
    return this.#options ?? [this.#chosen];
  }

  override get content(): Buffer {
    const options = this.#options;
    if (options !== undefined) {
      this.#options = undefined;
      this.#chosen = options[this.#choose(options.length)] as Buffer;
    }
    return this.#chosen;
  }

  override set content(content: Buffer) {
    this.#options = undefined;
    this.#chosen = content;
  }
}

/** Returns the disk after the loss of power. `choose` decides the contents, each when it is first seen. */
export function diskLeft(disk: Disk, names: Names, tears: Tears, choose: (of: number) => number): Disk {
  const made = new Map<Node, Node>();
  const make = (node: Node): Node => {
    const known = made.get(node);
    if (known !== undefined) return known;
    if (node.kind === "file") {
      const file = node.pending.length === 0 ? node.copy() : new OpenFile(node, tears, choose);
      // After a sync that a planted bug has distorted, programs have seen more.
      if (node.pending.length === 0) file.content = file.durable;
      made.set(node, file);
      return file;
    }
    const directory = new Directory(node.number, node.mode, node.changed);
    made.set(node, directory);
    for (const [name, each] of names.get(node) ?? []) directory.names.set(name, make(each));
    return directory;
  };
  const left = new Disk(make(disk.root) as Directory);
  left.order = disk.order;
  return left;
}

/** Identifies one of the legal states: its names, and the possible contents of its files. */
export function stateKey(disk: Disk, names: Names, tears: Tears): string {
  return keyOfTree(
    disk.root,
    (directory) => names.get(directory) ?? new Map(),
    (file) => contentsLeft(file, tears),
  );
}

/** Identifies what a program can see of a disk. Contents that are still open stay open. */
export function viewKey(disk: Disk): string {
  const contents = (file: File): readonly Buffer[] =>
    file instanceof OpenFile ? file.options : [file.content];
  return keyOfTree(disk.root, ({ names }) => names, contents);
}

/** Random parts of names and of locks. */
const RANDOM = /\b[0-9a-f]{16}\b|\b[0-9a-f]{8}(?=\.uploads\b)/g;

function keyOfTree(
  root: Directory,
  entries: (directory: Directory) => ReadonlyMap<string, Node>,
  contents: (file: File) => readonly Buffer[],
): string {
  const paths = new Map<Node, string[]>();
  const visit = (node: Node, path: string): void => {
    paths.set(node, [...(paths.get(node) ?? []), path.replace(RANDOM, "random")]);
    if (node.kind === "directory") for (const [name, each] of entries(node)) visit(each, `${path}/${name}`);
  };
  visit(root, "");
  const parts = [...paths].map(([node, names]) => {
    const texts = node.kind === "file" ? contents(node).map((content) => content.toString("latin1")) : [];
    return JSON.stringify([names.sort(), node.changed, texts.sort()]).replace(RANDOM, "random");
  });
  return parts.sort().join("\n");
}
