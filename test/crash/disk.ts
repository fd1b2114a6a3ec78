// A simulated disk: files and directories by their paths. Each change is visible at once, and survives a loss of
// power only after a sync of its file or directory.
import { dirname, basename } from "node:path";
import { Directory, File, type Node, type Renaming } from "./nodes.ts";

/** A system error as Node reports it. */
export function systemError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

export class Disk {
  readonly root: Directory;
  /** The number of changes and of files so far. */
  order = 0;

  constructor(root: Directory = new Directory(0, 0o755, 0)) {
    this.root = root;
  }

  /** Returns the node of a path; `undefined` if the name does not exist. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      if (node === undefined) return undefined;
      if (node.kind === "file") throw systemError("ENOTDIR", "lookup", path);
      node = node.names.get(name);
    }
    return node;
  }

  /** Returns the directory of a path. Throws ENOENT. */
  directoryOf(path: string, call: string): Directory {
    const above = this.find(dirname(path));
    if (above === undefined) throw systemError("ENOENT", call, path);
    if (above.kind === "file") throw systemError("ENOTDIR", call, path);
    return above;
  }

  /** Gives a node a name, or removes a name. */
  setName(path: string, node: Node | undefined, now: number, call: string): void {
    const names = [[basename(path), node] as const];
    this.directoryOf(path, call).rename({ names, order: ++this.order }, now);
  }

  /** Moves a name in one step, replacing another one. */
  rename(from: string, to: string, now: number): void {
    const node = this.find(from);
    if (node === undefined) throw systemError("ENOENT", "rename", from);
    const [source, target] = [this.directoryOf(from, "rename"), this.directoryOf(to, "rename")];
    if (this.find(to)?.kind === "directory") throw systemError("EISDIR", "rename", to);
    // Two names of the same file: POSIX does nothing.
    if (this.find(to) === node) return;
    const [removed, added] = [[basename(from), undefined] as const, [basename(to), node] as const];
    const order = ++this.order;
    if (source === target) {
      source.rename({ names: [removed, added], order }, now);
      return;
    }
    const addition: Renaming = { names: [added], order };
    target.rename(addition, now);
    // The old name never goes away without the new one.
    source.rename({ names: [removed], order, after: addition }, now);
  }

  /** Makes the names of a directory durable, as far as they were changed up to `order`. */
  syncNames(directory: Directory, order: number): void {
    for (const needed of directory.sync(order)) {
      const other = this.directories().find(({ pending }) => pending.includes(needed));
      if (other === undefined) continue;
      const rest = other.pending.filter((renaming) => renaming !== needed);
      other.pending = [needed];
      other.sync(Infinity);
      other.pending = rest;
    }
  }

  /** All directories that a program can see, or that a loss of power may bring back. */
  directories(): Directory[] {
    return this.nodes().filter((node) => node.kind === "directory");
  }

  /** All nodes that a program can see, or that a loss of power may bring back; the root first. */
  nodes(): Node[] {
    const found = new Set<Node>([this.root]);
    for (const node of found) {
      if (node.kind === "file") continue;
      for (const each of node.names.values()) found.add(each);
      for (const each of node.durable.values()) found.add(each);
      for (const { names } of node.pending) for (const [, each] of names) if (each) found.add(each);
    }
    return [...found];
  }

  /** How many names a file has. */
  links(node: Node): number {
    let count = 0;
    for (const { names } of this.directories()) for (const each of names.values()) if (each === node) count++;
    return count;
  }

  /** Returns a copy that does not change with this disk. */
  copy(): Disk {
    const copies = new Map<Node, Node>();
    const nameChanges = new Map<Renaming, Renaming>();
    const nodes = this.nodes();
    for (const node of nodes)
      copies.set(
        node,
        node.kind === "file" ? node.copy() : new Directory(node.number, node.mode, node.changed),
      );
    const copied = (renaming: Renaming): Renaming => {
      const known = nameChanges.get(renaming);
      if (known !== undefined) return known;
      const names = renaming.names.map(([name, node]) => [name, node && copies.get(node)] as const);
      const copy = { names, order: renaming.order, after: renaming.after && copied(renaming.after) };
      nameChanges.set(renaming, copy);
      return copy;
    };
    for (const node of nodes) {
      if (node.kind === "file") continue;
      const copy = copies.get(node) as Directory;
      for (const [name, each] of node.names) copy.names.set(name, copies.get(each) as Node);
      for (const [name, each] of node.durable) copy.durable.set(name, copies.get(each) as Node);
      copy.pending = node.pending.map(copied);
    }
    const disk = new Disk(copies.get(this.root) as Directory);
    disk.order = this.order;
    return disk;
  }

  /** Makes everything durable, as after some seconds without a crash. */
  settle(): void {
    for (const node of this.nodes()) node.settle();
  }

  /** The paths of all files that a program can see. */
  files(path = "/"): string[] {
    const node = this.find(path);
    if (node === undefined) return [];
    if (node instanceof File) return [path];
    return [...node.names.keys()].flatMap((name) =>
      this.files(path === "/" ? `/${name}` : `${path}/${name}`),
    );
  }
}
