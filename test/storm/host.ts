// A provider of the storm, in a process of its own: it gets mail, goes away and comes back, and counts what its clients do.
import { subscribe } from "node:diagnostics_channel";
import { Pop3Server, type Maildrop } from "popwright/testing";
import { ALL_BOXES, CAP, HOSTS, PASSWORD, type HostOrder } from "./settings.ts";

/** What the storm tells a host. */
export type HostCommand =
  | { readonly add: string; readonly serial: number }
  | { readonly isGone: boolean }
  | { readonly report: true };

export type HostMessage =
  { readonly port: number } | { readonly isGone: boolean } | { readonly report: HostReport };

/** What a host has counted. Times are in milliseconds since 1970. */
export interface HostReport {
  readonly logins: number;
  /** Logins that were refused because another session had the maildrop. */
  readonly inUse: number;
  /** When a second session began on a maildrop. */
  readonly overlaps: readonly { readonly box: string; readonly at: number }[];
  /** The largest number of sessions at a time. */
  readonly most: number;
  /** When there were more than allowed. */
  readonly over: readonly number[];
}

const { host: number } = JSON.parse(process.env["STORM"] ?? "") as HostOrder;
const { host, locks } = HOSTS[number] as (typeof HOSTS)[number];
const boxes = ALL_BOXES.filter((box) => box.host === number).map(({ id }) => id);

const overlaps: { box: string; at: number }[] = [];
const over: number[] = [];
const open = new Map<string, number>();
let [logins, inUse, most] = [0, 0, 0];

/** Counts the logins of a maildrop and its sessions. */
function watch(box: string, maildrop: Maildrop): void {
  const login = maildrop.open.bind(maildrop);
  maildrop.open = () => {
    logins++;
    const snapshot = login();
    if (snapshot === undefined) {
      inUse++;
      return undefined;
    }
    const sessions = (open.get(box) ?? 0) + 1;
    open.set(box, sessions);
    if (sessions > 1) overlaps.push({ box, at: Date.now() });
    const release = snapshot.release.bind(snapshot);
    let isOpen = true;
    snapshot.release = () => {
      if (isOpen) open.set(box, (open.get(box) ?? 1) - 1);
      isOpen = false;
      release();
    };
    return snapshot;
  };
}

interface Contents {
  readonly messages: readonly Buffer[];
  readonly uids: readonly string[];
}

async function listen(port: number, contents: ReadonlyMap<string, Contents>): Promise<Pop3Server> {
  const users = Object.fromEntries(boxes.map((box) => [box, { pass: PASSWORD, ...contents.get(box) }]));
  const listening = await Pop3Server.listen({ host, port, users, lock: locks, latency: 2 });
  for (const box of boxes) watch(box, listening.maildrop(box));
  return listening;
}

// The server counts a new connection before anything is sent over it.
subscribe("net.server.socket", () => {
  setImmediate(() => {
    most = Math.max(most, server.sessions);
    if (server.sessions > CAP) over.push(Date.now());
  });
});

let server = await listen(0, new Map());
const { port } = server;
let absent: Map<string, { messages: Buffer[]; uids: string[] }> | undefined;

function add(box: string, serial: number): void {
  const uid = `u${String(serial)}`;
  const text = `Message-ID: <${String(serial)}@storm.test>\r\nSubject: ${String(serial)}\r\n\r\n${"x".repeat(500)}\r\n`;
  const contents = absent?.get(box);
  if (contents === undefined) {
    server.maildrop(box).add(text, uid);
    return;
  }
  contents.messages.push(Buffer.from(text));
  contents.uids.push(uid);
}

/** Its connections end, and nothing listens. Mail still comes in. */
async function leave(): Promise<void> {
  const closed = server.close();
  absent = new Map(
    boxes.map((box) => {
      const { messages } = server.maildrop(box);
      return [box, { messages: messages.map(({ octets }) => octets), uids: messages.map(({ uid }) => uid) }];
    }),
  );
  await closed;
}

async function comeBack(): Promise<void> {
  open.clear();
  server = await listen(port, absent ?? new Map());
  // What came while it began to listen.
  for (const [box, { messages, uids }] of absent ?? [])
    for (const [at, octets] of messages.entries())
      if (at >= server.maildrop(box).messages.length) server.maildrop(box).add(octets, uids[at]);
  absent = undefined;
}

const send = (message: HostMessage): void => void process.send?.(message);

let turn = Promise.resolve();
process.on("message", (command: HostCommand) => {
  if ("add" in command) add(command.add, command.serial);
  else if ("isGone" in command)
    turn = turn.then(command.isGone ? leave : comeBack).then(() => send({ isGone: command.isGone }));
  else send({ report: { logins, inUse, overlaps, most, over } });
});
process.once("disconnect", () => process.exit());
send({ port });
