// A reader of the journal format of the first release. It is a copy that does not change with the code, and
// shows what happens to a user who goes back to that release.

export interface OldContents {
  /** By id; `undefined` is what a line that is not known would be called. */
  readonly entries: Map<string | undefined, Record<string, unknown>>;
  readonly state: Record<string, unknown>;
}

/** Throws as the first release does. */
export function readAsFormat1(path: string, mailbox: string, octets: Buffer): OldContents {
  const lines = octets.toString("latin1").split("\n");
  demand(lines.pop() === "", path);
  const [head, ...rest] = lines.map((line) => decode(path, line));
  const { version, mailbox: name } = head as { readonly version?: unknown; readonly mailbox?: unknown };
  if (version !== 1) throw new Error(`${path} was written by another version of popwright`);
  if (name !== mailbox) throw new Error(`${path} is the ledger of another mailbox`);
  const entries: OldContents["entries"] = new Map();
  let state: Record<string, unknown> = {};
  for (const value of rest) {
    const { forgotten, state: next } = value as { readonly forgotten?: string; readonly state?: object };
    if (forgotten !== undefined) entries.delete(forgotten);
    else if (next !== undefined) state = next as Record<string, unknown>;
    else entries.set(value["id"] as string | undefined, value);
  }
  return { entries, state };
}

function decode(path: string, line: string): Record<string, unknown> {
  demand(Number.parseInt(line.slice(0, 8), 16) === checksum(line.slice(8)), path);
  demand(line[8] === ">" || line[8] === " ", path);
  const text = line.slice(9);
  return JSON.parse(text.endsWith(",") ? text.slice(0, -1) : text) as Record<string, unknown>;
}

function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(text, "latin1")) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}

function demand(holds: boolean, path: string): void {
  if (!holds) throw new Error(`the ledger ${path} is damaged`);
}
