// One message on its way from the server to the destination: octet by octet, with its digests taken on the way.
import { createHash } from "node:crypto";
import type { Pop3Client } from "../../client.ts";
import { Pop3Error } from "../../errors.ts";
import type { Pop3Message } from "../../session/message.ts";
import type { Delivery, DeliveryWriter, Destination } from "../destinations/destination.ts";
import { headerDigest, HeaderDigest, namesOne } from "../plan/header-digest.ts";
import { hasFailed } from "../ledger/another-try.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { contentKey, messageKey } from "../mailbox.ts";
import { reasonToWait } from "../plan/schedule.ts";
import { contentId, isSettled, skipFailed, type Retrieve, type Skip } from "../plan/plan.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import type { Unlisted } from "../plan/unlisted.ts";

/** A message up to this size is one Buffer, which is faster than a stream; octets. */
const SMALL = 256 * 1024;
/** A message that goes by its content is held in memory up to this size; beyond, it is retrieved twice. Octets. */
const CONTENT_IN_MEMORY = 8 * 1024 * 1024;
/** Milliseconds for which a destination may keep the session waiting without a sign of life to the server. */
const QUIET = 10_000;
const MIB = 1024 * 1024;

/** What a delivery needs to know of its run. */
export interface DeliveryContext {
  readonly client: Pop3Client;
  readonly mailbox: string;
  /** The name of the mailbox in keys: see {@link LedgerSnapshot.keyName}. */
  readonly keyName: string;
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly unlisted: Unlisted;
  readonly destination: Destination;
  /** Ends what the destination does. */
  readonly signal: AbortSignal | undefined;
  /** Bounds what is asked of the server. */
  readonly server: { readonly signal: AbortSignal; readonly totalTimeout: number };
  readonly policy: Pick<CompletePolicy, "tries" | "retry">;
  /** Whether messages that failed before have their turn: they come last, so that they do not hold up the others. */
  readonly again: boolean;
  /** Rejects if another run has taken the mailbox over: what the destination took then would be delivered twice. */
  readonly confirm: () => Promise<void>;
  /** Is told how many octets have come. */
  readonly progress: (received: number) => Promise<void> | void;
}

export interface Delivered {
  readonly key: string;
  /** Its name in the ledger. */
  readonly id: string;
  /** Octets that came. */
  readonly octets: number;
  /** Destination or ledger had it before. */
  readonly known: boolean;
  /** See {@link LedgerEntry.headers}. */
  readonly headers: string | undefined;
}

/** By its content, it is a message that is left alone for now, or for good; or one that comes last in this session. */
export interface LeftAlone {
  /** `"comes last"`: it failed before, and others have their turn first. */
  readonly leftAlone: Skip | "comes last";
  /** Its name in the ledger. */
  readonly id: string;
}

/** The destination refused: nothing is wrong with the session. `cause` is what it threw. */
export class RefusedByDestination extends Error {
  /** The message's name in the ledger. */
  readonly id: string;

  constructor(id: string, cause: unknown) {
    super("the destination refused the message", { cause });
    this.id = id;
  }
}

type Pieces = Iterable<Buffer> | AsyncIterable<Buffer>;

/** A message on its way: an array, where all of it has come. */
interface Load {
  readonly id: string;
  readonly key: string;
  readonly pieces: Pieces;
}

/**
 * Delivers a message. Rejects with {@link RefusedByDestination}, or as the message itself does: with the server's
 * refusal, or the end of the session.
 */
export async function deliver(
  message: Pop3Message,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Delivered | LeftAlone> {
  const size = message.size ?? Infinity;
  if (step.id === undefined) {
    return size === Infinity || size <= CONTENT_IN_MEMORY
      ? deliverBuffered(await message.buffer(), step, context)
      : deliverTwice(message, step, context);
  }
  const load = { id: step.id, key: messageKey(context.keyName, step.id) };
  if (size > SMALL) return handOver({ ...load, pieces: message }, step, context);
  const octets = await message.buffer();
  return keepingAlive(context.client, () => handOver({ ...load, pieces: [octets] }, step, context));
}

async function deliverBuffered(
  octets: Buffer,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Delivered | LeftAlone> {
  const digest = createHash("sha256").update(octets).digest("hex");
  const content = { digest, octets: octets.length, headers: headerDigest(octets) };
  return keepingAlive(context.client, () => byContent(content, [octets], step, context));
}

/** Too large for memory: read once for its name, and once more for the destination, if that is to have it. */
async function deliverTwice(
  message: Pop3Message,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Delivered | LeftAlone> {
  const hash = createHash("sha256");
  const headers = new HeaderDigest();
  let octets = 0;
  for await (const piece of message) {
    hash.update(piece);
    headers.push(piece);
    octets += piece.length;
  }
  const content = { digest: hash.digest("hex"), octets, headers: headers.digest() };
  return byContent(content, again(step, context), step, context);
}

/** Asks for it when it is read, and not before: the destination may not want it. */
async function* again(
  { number }: Retrieve,
  { client, server }: DeliveryContext,
): AsyncGenerator<Buffer, void> {
  yield* client.retrStream(number, server) as AsyncIterable<Buffer>;
}

interface Content {
  /** SHA-256 of all octets, in hexadecimal. */
  readonly digest: string;
  readonly octets: number;
  readonly headers: string;
}

async function byContent(
  { digest, octets, headers }: Content,
  pieces: Pieces,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Delivered | LeftAlone> {
  const namesake =
    step.uid === undefined ? context.unlisted.take(headers, step.size ?? octets) : step.namesake;
  if (namesOne(headers) && namesake?.headers === headers)
    return { id: namesake.id, key: messageKey(context.keyName, namesake.id), octets, known: true, headers };
  const [id, key] = [contentId(digest), contentKey(context.keyName, digest)];
  const entry = context.entries.get(id);
  const waiting = entry && reasonToWait(entry, context.policy, Date.now());
  if (entry !== undefined && waiting !== undefined)
    return { leftAlone: skipFailed(step, entry, waiting), id };
  if (entry !== undefined && hasFailed(entry) && !context.again) return { leftAlone: "comes last", id };
  const known = step.baseline || (entry !== undefined && isSettled(entry));
  if (known) return { id, key, octets, known, headers: entry?.headers };
  return handOver({ id, key, pieces }, step, context);
}

async function handOver(
  { id, key, pieces }: Load,
  { uid, size, what }: Retrieve,
  { client, mailbox, destination, signal, confirm, progress }: DeliveryContext,
): Promise<Delivered> {
  const delivery: Delivery = { key, mailbox, uid, size, headersOnly: what === "headers" };
  await confirm();
  const writer = await byDestination(id, () => destination.begin(delivery, signal));
  if (writer === "known") return { id, key, octets: 0, known: true, headers: undefined };
  const headers = new HeaderDigest();
  let octets = 0;
  try {
    for await (const piece of pieces) {
      headers.push(piece);
      octets += piece.length;
      const written = writtenBy(id, () => writer.write(piece));
      if (written !== undefined) await written;
      if (Math.floor(octets / MIB) > Math.floor((octets - piece.length) / MIB)) await progress(octets);
    }
  } catch (error) {
    await giveUp(writer);
    throw error;
  }
  // All of it has come: what takes long now is the destination, and the server hears nothing of us.
  const finish = async (): Promise<"new" | "known"> => {
    try {
      if (writer.prepare !== undefined) await byDestination(id, () => writer.prepare?.());
      await confirm();
    } catch (error) {
      await giveUp(writer);
      throw error;
    }
    return byDestination(id, () => writer.commit());
  };
  const result = await (Array.isArray(pieces) ? finish() : keepingAlive(client, finish));
  return { id, key, octets, known: result === "known", headers: headers.digest() };
}

/** What goes wrong with that is less than what went wrong before. */
async function giveUp(writer: DeliveryWriter): Promise<void> {
  try {
    await writer.abort();
  } catch {
    // What it leaves is the destination's to find.
  }
}

async function byDestination<T>(id: string, work: () => PromiseLike<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new RefusedByDestination(id, error);
  }
}

/** The same for what is seldom waited for: there may be many pieces. */
function writtenBy(id: string, write: () => Promise<void> | void): Promise<void> | undefined {
  try {
    const written = write();
    return written === undefined ? undefined : byDestination(id, () => written);
  } catch (error) {
    throw new RefusedByDestination(id, error);
  }
}

/** Sends NOOP now and then, as some servers end a session that is quiet for a minute. */
async function keepingAlive<T>(client: Pop3Client, work: () => Promise<T>): Promise<T> {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting || client.state !== "transaction") return;
    waiting = true;
    // A session that fails of it is found out by the next command.
    client.noop().then(
      () => (waiting = false),
      () => undefined,
    );
  }, QUIET);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Whether an error is the server's refusal of one message, and the session lives. */
export function isRefusal(error: unknown): error is Pop3Error {
  return (
    Pop3Error.is(error) && ["POP3_REFUSED", "POP3_TEMPORARY", "POP3_MESSAGE_TOO_LARGE"].includes(error.code)
  );
}
