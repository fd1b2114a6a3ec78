// Delivers one message from the server to the destination. Every octet arrives unchanged, and the digests are
// computed on the way.
import { createHash } from "node:crypto";
import type { Pop3Client } from "../../client.ts";
import { Pop3Error } from "../../errors.ts";
import type { Pop3Message } from "../../session/message.ts";
import type { Delivery, DeliveryWriter, Destination } from "../destinations/destination.ts";
import { headerDigest, HeaderDigest, namesOne } from "../plan/header-digest.ts";
import { hasFailed } from "../ledger/another-try.ts";
import type { LedgerEntry, MailboxLedger } from "../ledger/ledger.ts";
import { contentKey, messageKey } from "../mailbox.ts";
import { reasonToWait } from "../plan/schedule.ts";
import { skipFailed } from "../plan/decide.ts";
import { contentId, isSettled } from "../plan/entry.ts";
import type { Retrieve, Skip } from "../plan/steps.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import type { Unlisted } from "../plan/unlisted.ts";
import { wallTime } from "../../system/clock.ts";

/** Octets: a message up to this size is read into one Buffer, which is faster than a stream. */
const SMALL = 256 * 1024;
/**
 * Octets: a message that is identified by its content is held in memory up to this size. A larger one is
 * retrieved twice.
 */
const CONTENT_IN_MEMORY = 8 * 1024 * 1024;
/** Milliseconds: while the destination works, a NOOP is sent this often. */
const QUIET = 10_000;
const MIB = 1024 * 1024;
const CRLF = Buffer.from("\r\n");

/** The parts of a run that a delivery uses. */
export interface DeliveryContext {
  readonly client: Pop3Client;
  readonly mailbox: string;
  /** The name of the mailbox in keys, see {@link LedgerSnapshot.keyName}. */
  readonly keyName: string;
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly unlisted: Unlisted;
  readonly destination: Destination;
  /** Ends the work of the destination. */
  readonly signal: AbortSignal | undefined;
  /** The ledger, for a destination that writes into the same database. */
  readonly ledger: MailboxLedger;
  /** Returns the entry to record for a delivered message. */
  readonly entryFor: (id: string, headers: string | undefined) => LedgerEntry;
  /** Limits for calls to the server. */
  readonly server: { readonly signal: AbortSignal; readonly totalTimeout: number };
  readonly policy: Pick<CompletePolicy, "tries" | "retry">;
  /**
   * Whether messages that failed before are tried now. They come last, so that they do not block the others.
   */
  readonly again: boolean;
  /** Rejects if another run has taken over the mailbox: delivering now would deliver the message twice. */
  readonly confirm: () => Promise<void>;
  /** Rejects if the message that was just received may have ended early: then it must not be delivered. */
  readonly ensureWhole: () => Promise<void>;
  /** Called with the number of octets received so far. */
  readonly progress: (received: number) => Promise<void> | void;
}

/** A message that the destination has, or that the ledger knows already. */
export interface Delivered {
  readonly key: string;
  /** Its name in the ledger. */
  readonly id: string;
  /** Octets that were received. */
  readonly octets: number;
  /** Whether the destination or the ledger had it before. */
  readonly known: boolean;
  /** See {@link LedgerEntry.headers}. */
  readonly headers: string | undefined;
  /** Whether the destination has written the entry of the ledger itself. */
  readonly recorded: boolean;
}

/** A message whose content shows that it failed before. It is skipped, or tried last in this session. */
export interface LeftAlone {
  /** `"comes last"`: it failed before, and the session tries other messages first. */
  readonly leftAlone: Skip | "comes last";
  /** Its name in the ledger. */
  readonly id: string;
}

/** A message that was received. Its result may come later, if the destination has not committed it yet. */
export interface Received {
  /** The octets that the destination has received, and has not committed yet. */
  readonly octets: number;
  readonly result: Promise<Delivered> | Delivered | LeftAlone;
}

/**
 * The destination refused the message. The session is intact. `cause` is the error that the destination
 * threw.
 */
export class RefusedByDestination extends Error {
  /** The message's name in the ledger. */
  readonly id: string;

  constructor(id: string, cause: unknown) {
    super("the destination refused the message", { cause });
    this.id = id;
  }
}

type Pieces = Iterable<Buffer> | AsyncIterable<Buffer>;

/** A message to hand over. `pieces` is an array if all of it has been received. */
interface Load {
  readonly id: string;
  readonly key: string;
  readonly pieces: Pieces;
}

/**
 * Delivers a message. Rejects with {@link RefusedByDestination} if the destination refuses it, and with the
 * error of the message if the server refuses it or the session ends.
 */
export async function deliver(
  message: Pop3Message,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Received> {
  const size = message.size ?? Infinity;
  if (step.id === undefined) {
    return size === Infinity || size <= CONTENT_IN_MEMORY
      ? deliverBuffered(await receive(message, step, context), step, context)
      : deliverTwice(message, step, context);
  }
  const load = { id: step.id, key: messageKey(context.keyName, step.id) };
  if (size > SMALL) return handOver({ ...load, pieces: message }, step, context);
  const octets = await receive(message, step, context);
  return keepingAlive(context.client, () => handOver({ ...load, pieces: [octets] }, step, context));
}

/** Receives a message in one Buffer. Rejects if it may have ended early. */
async function receive(message: Pop3Message, step: Retrieve, context: DeliveryContext): Promise<Buffer> {
  const octets = await message.buffer();
  const isWhole =
    step.what === "headers"
      ? octets.includes("\r\n\r\n")
      : // Some servers count a line end as one octet.
        octets.length === step.size || octets.length - lineEndsIn(octets) === step.size;
  if (!isWhole) await context.ensureWhole();
  return octets;
}

function lineEndsIn(octets: Buffer): number {
  let count = 0;
  for (let at = octets.indexOf(CRLF); at !== -1; at = octets.indexOf(CRLF, at + 2)) count++;
  return count;
}

async function deliverBuffered(octets: Buffer, step: Retrieve, context: DeliveryContext): Promise<Received> {
  const digest = createHash("sha256").update(octets).digest("hex");
  const content = { digest, octets: octets.length, headers: headerDigest(octets) };
  return keepingAlive(context.client, () => byContent(content, [octets], step, context));
}

/**
 * Delivers a message that is too large for memory: reads it once to find its name, and again for the
 * destination if it is new.
 */
async function deliverTwice(
  message: Pop3Message,
  step: Retrieve,
  context: DeliveryContext,
): Promise<Received> {
  const hash = createHash("sha256");
  const headers = new HeaderDigest();
  let octets = 0;
  for await (const piece of message) {
    hash.update(piece);
    headers.push(piece);
    octets += piece.length;
  }
  if (octets !== step.size) await context.ensureWhole();
  const content = { digest: hash.digest("hex"), octets, headers: headers.digest() };
  return byContent(content, again(step, context), step, context);
}

/** Sends RETR only when the first piece is read, because the destination may have the message already. */
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
): Promise<Received> {
  const namesake =
    step.uid === undefined ? context.unlisted.take(headers, step.size ?? octets) : step.namesake;
  if (namesOne(headers) && namesake?.headers === headers)
    return knownBefore({ id: namesake.id, key: messageKey(context.keyName, namesake.id), octets, headers });
  const { keyName, entries } = context;
  const named = contentId(digest);
  // A name of its own spares the next run to retrieve it.
  const [id, key] =
    step.own === undefined || step.baseline || entries.has(named)
      ? [named, contentKey(keyName, digest)]
      : [step.own, messageKey(keyName, step.own)];
  const entry = entries.get(id);
  const waiting = entry && reasonToWait(entry, context.policy, wallTime());
  if (entry !== undefined && waiting !== undefined)
    return { octets: 0, result: { leftAlone: skipFailed(step, entry, waiting), id } };
  if (entry !== undefined && hasFailed(entry) && !context.again)
    return { octets: 0, result: { leftAlone: "comes last", id } };
  if (step.baseline || (entry !== undefined && isSettled(entry)))
    return knownBefore({ id, key, octets, headers: entry?.headers });
  return handOver({ id, key, pieces }, step, context);
}

function knownBefore(message: Omit<Delivered, "known" | "recorded">): Received {
  return { octets: 0, result: { ...message, known: true, recorded: false } };
}

/** Resolves when the destination has received the message. The result follows when it has committed it. */
async function handOver(
  { id, key, pieces }: Load,
  { uid, size, what }: Retrieve,
  context: DeliveryContext,
): Promise<Received> {
  const { mailbox, destination, signal, ledger, confirm, ensureWhole, progress } = context;
  const { fence } = ledger;
  const delivery: Delivery = { key, mailbox, uid, size, headersOnly: what === "headers", fence };
  await confirm();
  const writer = await byDestination(id, () => destination.begin(delivery, signal, ledger));
  if (writer === "known") {
    // By this it is recognised if all unique-ids change. A large message is not retrieved for it.
    const [received] = Array.isArray(pieces) ? (pieces as readonly Buffer[]) : [];
    return knownBefore({ id, key, octets: 0, headers: received && headerDigest(received) });
  }
  const digest = new HeaderDigest();
  let octets = 0;
  try {
    for await (const piece of pieces) {
      digest.push(piece);
      octets += piece.length;
      const written = writtenBy(id, () => writer.write(piece));
      if (written !== undefined) await written;
      if (Math.floor(octets / MIB) > Math.floor((octets - piece.length) / MIB)) await progress(octets);
    }
    const isWhole = what === "headers" ? digest.complete : octets === size;
    if (!Array.isArray(pieces) && !isWhole) await ensureWhole();
  } catch (error) {
    await giveUp(writer);
    throw error;
  }
  const result = commit(writer, { id, key, octets, headers: digest.digest() }, context);
  // Until the result is treated, this prevents an unhandled rejection.
  result.catch(() => undefined);
  return { octets, result };
}

/** Lets the destination commit a message that it has received. */
async function commit(
  writer: DeliveryWriter,
  message: Omit<Delivered, "known" | "recorded">,
  { confirm, entryFor }: DeliveryContext,
): Promise<Delivered> {
  const { id, headers } = message;
  try {
    if (writer.prepare !== undefined) await byDestination(id, () => writer.prepare?.());
    await confirm();
  } catch (error) {
    await giveUp(writer);
    throw error;
  }
  const committed = await byDestination(id, () => writer.commit(entryFor(id, headers)));
  if (typeof committed === "string") return { ...message, known: committed === "known", recorded: false };
  return { ...message, known: committed.recorded === "known", recorded: true };
}

/** Aborts the delivery. Ignores errors of that, because the first error matters more. */
async function giveUp(writer: DeliveryWriter): Promise<void> {
  try {
    await writer.abort();
  } catch {
    // The destination must clean up after itself.
  }
}

/** Calls the destination. Rejects with {@link RefusedByDestination} if that fails. */
async function byDestination<T>(id: string, work: () => PromiseLike<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new RefusedByDestination(id, error);
  }
}

/**
 * Like {@link byDestination}, without a promise if the writer returns none: a message may have many pieces.
 */
function writtenBy(id: string, write: () => Promise<void> | void): Promise<void> | undefined {
  try {
    const written = write();
    return written === undefined ? undefined : byDestination(id, () => written);
  } catch (error) {
    throw new RefusedByDestination(id, error);
  }
}

/**
 * Sends NOOP every {@link QUIET} ms while `work` runs, because some servers end a session that is silent for
 * a minute.
 */
export async function keepingAlive<T>(client: Pop3Client, work: () => Promise<T>): Promise<T> {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting || client.state !== "transaction") return;
    waiting = true;
    // If NOOP fails, the next command reports it.
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

/** Returns whether the server refused one message and the session is intact. */
export function isRefusal(error: unknown): error is Pop3Error {
  return (
    Pop3Error.is(error) && ["POP3_REFUSED", "POP3_TEMPORARY", "POP3_MESSAGE_TOO_LARGE"].includes(error.code)
  );
}
