// What a simulated loss of power leaves of a disk: any legal part of the names and of the octets that were not synced,
// drawn by chance. `test/crash/power-loss.ts` has all of them, for small runs.
import { Disk } from "../crash/disk.ts";
import { apply, Directory, File, written, type Node, type Renaming, type Write } from "../crash/nodes.ts";
import type { Chance } from "./chance.ts";

/** Returns the disk as it is when the power is back. */
export function afterPowerLoss(disk: Disk, chance: Chance): Disk {
  // Often all or nothing was written: in between is what few programs expect.
  const kept = chance.pick([0, 0.2, 0.5, 0.8, 1]);
  const directories = disk.directories();
  const names = new Map(directories.map((each) => [each, new Map(each.durable)]));
  const changes = directories
    .flatMap((directory) => directory.pending.map((renaming) => ({ directory, renaming })))
    .sort((a, b) => a.renaming.order - b.renaming.order || rank(a.renaming) - rank(b.renaming));
  const pending = new Set(changes.map(({ renaming }) => renaming));
  const applied = new Set<Renaming>();
  for (const { directory, renaming } of changes) {
    const { after } = renaming;
    if (after !== undefined && pending.has(after) && !applied.has(after)) continue;
    if (!chance.happens(kept)) continue;
    applied.add(renaming);
    apply(names.get(directory) as Map<string, Node>, renaming);
  }
  const made = new Map<Node, Node>();
  const make = (node: Node): Node => {
    const known = made.get(node);
    if (known !== undefined) return known;
    if (node.kind === "file") {
      const file = new File(node.number, node.mode, node.changed);
      made.set(node, file);
      let content = node.durable;
      for (const write of node.pending)
        if (chance.happens(kept)) content = written(content, torn(write, chance));
      file.content = content;
      file.settle();
      return file;
    }
    const directory = new Directory(node.number, node.mode, node.changed);
    made.set(node, directory);
    for (const [name, each] of names.get(node) ?? []) directory.names.set(name, make(each));
    directory.settle();
    return directory;
  };
  const left = new Disk(make(disk.root) as Directory);
  left.order = disk.order;
  return left;
}

/** The two halves of a rename have the same place. The new name comes first. */
function rank({ after }: Renaming): number {
  return after === undefined ? 0 : 1;
}

/** A write, or what a torn one leaves: a beginning, an end, or a length without its octets. */
function torn(write: Write, chance: Chance): Write {
  const { octets } = write;
  if (octets === undefined || octets.length < 2 || chance.happens(0.6)) return write;
  const at = 1 + chance.below(octets.length - 1);
  const zeros = (length: number): Buffer => Buffer.alloc(length);
  const parts = [
    octets.subarray(0, at),
    Buffer.concat([octets.subarray(0, at), zeros(octets.length - at)]),
    Buffer.concat([zeros(at), octets.subarray(at)]),
    zeros(octets.length),
  ];
  return { ...write, octets: chance.pick(parts) };
}
