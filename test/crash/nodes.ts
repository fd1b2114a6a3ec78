// The files and directories of the simulated disk: what programs see of them, and which changes a loss of power
// may still undo.

/** A change of a file's content that was not synced. */
export interface Write {
  readonly at: number;
  /** `undefined`: the file was truncated to `at`. */
  readonly octets: Buffer | undefined;
  /** Its place among all changes of the disk. */
  readonly order: number;
}

/** A change of names that was not synced. A rename within a directory changes two names in one step. */
export interface Renaming {
  readonly names: readonly (readonly [name: string, node: Node | undefined])[];
  readonly order: number;
  /** The change of another directory without which this one never becomes durable. */
  readonly after?: Renaming | undefined;
}

export type Node = File | Directory;

export class File {
  readonly kind = "file";
  /** The number of its inode. */
  readonly number: number;
  mode: number;
  /** When it was written last; milliseconds since 1970. */
  changed: number;
  /** What survives a loss of power in any case. */
  durable: Buffer = Buffer.alloc(0);
  pending: Write[] = [];
  #content: Buffer = Buffer.alloc(0);

  constructor(number: number, mode: number, changed: number) {
    this.number = number;
    this.mode = mode;
    this.changed = changed;
  }

  get content(): Buffer {
    return this.#content;
  }

  set content(content: Buffer) {
    this.#content = content;
  }

  write(write: Write, now: number): void {
    this.content = written(this.content, write);
    this.pending.push(write);
    this.changed = now;
  }

  /** Makes the changes up to `order` durable. */
  sync(order: number): void {
    for (const write of this.pending) if (write.order <= order) this.durable = written(this.durable, write);
    this.pending = this.pending.filter((write) => write.order > order);
  }

  /** Makes everything durable. */
  settle(): void {
    this.durable = this.content;
    this.pending = [];
  }

  copy(): File {
    const copy = new File(this.number, this.mode, this.changed);
    copy.durable = this.durable;
    copy.pending = [...this.pending];
    copy.content = this.content;
    return copy;
  }
}

export class Directory {
  readonly kind = "directory";
  /** The number of its inode. */
  readonly number: number;
  mode: number;
  changed: number;
  /** The names that programs see. */
  readonly names: Map<string, Node> = new Map();
  /** The names that survive a loss of power in any case. */
  readonly durable: Map<string, Node> = new Map();
  pending: Renaming[] = [];

  constructor(number: number, mode: number, changed: number) {
    this.number = number;
    this.mode = mode;
    this.changed = changed;
  }

  rename(renaming: Renaming, now: number): void {
    apply(this.names, renaming);
    this.pending.push(renaming);
    this.changed = now;
  }

  /** Makes the changes up to `order` durable. Returns the changes of other directories that this one needs. */
  sync(order: number): Renaming[] {
    const synced = this.pending.filter((renaming) => renaming.order <= order);
    for (const renaming of synced) apply(this.durable, renaming);
    this.pending = this.pending.filter((renaming) => renaming.order > order);
    return synced.flatMap(({ after }) => after ?? []);
  }

  settle(): void {
    this.durable.clear();
    for (const [name, node] of this.names) this.durable.set(name, node);
    this.pending = [];
  }
}

export function apply(names: Map<string, Node>, { names: changes }: Renaming): void {
  for (const [name, node] of changes) {
    if (node === undefined) names.delete(name);
    else names.set(name, node);
  }
}

/** Returns a content after a write. A gap before the write is filled with zeros, as file systems do. */
export function written(content: Buffer, { at, octets }: Write): Buffer {
  const length = octets === undefined ? at : Math.max(content.length, at + octets.length);
  const result = Buffer.alloc(length);
  content.copy(result);
  octets?.copy(result, at);
  return result;
}
