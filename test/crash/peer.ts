// A peer outside the simulated machine, which keeps messages. What it has taken survives every crash. Its messages are
// files on the simulated disk that are durable at once, so each recorded point has what the peer had at that time.
import type { Disk } from "./disk.ts";
import { Directory, File } from "./nodes.ts";

/** The directory of the peer. No process looks there. */
const PEER = "/peer";

/** Returns the messages that the peer has, by their names, in the order in which it took them. */
export function messagesOfPeer(disk: Disk): Map<string, Buffer> {
  const messages = new Map<string, Buffer>();
  for (const [name, node] of directoryOf(disk)?.names ?? [])
    if (node instanceof File) messages.set(name, node.content);
  return messages;
}

/** The peer takes a message. */
export function takeAtPeer(disk: Disk, name: string, octets: Buffer): void {
  let directory = directoryOf(disk);
  if (directory === undefined) {
    directory = new Directory(++disk.order, 0o700, 0);
    for (const names of [disk.root.names, disk.root.durable]) names.set(PEER.slice(1), directory);
  }
  const file = new File(++disk.order, 0o600, 0);
  file.content = file.durable = octets;
  for (const names of [directory.names, directory.durable]) names.set(name, file);
}

function directoryOf(disk: Disk): Directory | undefined {
  const node = disk.find(PEER);
  return node?.kind === "directory" ? node : undefined;
}
