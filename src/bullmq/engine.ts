// What the fleet needs of BullMQ: loads it, and names the one permanent job of each mailbox.
import { messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { JobsOptions, Queue } from "bullmq";
import { configError } from "../options/checks.ts";
import type { FleetSettings } from "./options.ts";

export type BullMQ = typeof import("bullmq");

/** The name of every job. What a job is for is in its id. */
export const JOB = "poll";

const MINUTE = 60_000;

/**
 * A job never completes, so its tries must never run out. Should one fail nevertheless, it comes again after a minute.
 * When its mailbox is gone, nothing of it is kept.
 */
const JOB_OPTIONS: JobsOptions = {
  attempts: 1e9,
  backoff: { type: "fixed", delay: MINUTE },
  removeOnComplete: true,
  stackTraceLimit: 1,
};

/** A stalled job is taken again without a limit: the ledger counts the crashes of a mailbox. */
export const MOST_STALLS = 1e9;

/** Loads BullMQ. Rejects with `POP3_CONFIG` if it is not installed. */
export async function loadBullMQ(): Promise<BullMQ> {
  try {
    return await import("bullmq");
  } catch (error) {
    throw configError(
      `popwright/bullmq needs the package bullmq: npm install bullmq ioredis (${printable(messageOf(error))})`,
    );
  }
}

/** Opens the queue. Errors of its connection go to `onError`. */
export async function openQueue(
  { redis, queue, prefix }: FleetSettings,
  onError: (error: Error) => void,
): Promise<Queue> {
  const bullmq = await loadBullMQ();
  // Nothing of ours reads the stream of events. Its length is a setting of the queue.
  const opened = new bullmq.Queue(queue, {
    connection: redis,
    prefix,
    defaultJobOptions: JOB_OPTIONS,
    streams: { events: { maxLen: 1000 } },
  });
  opened.on("error", onError);
  return opened;
}

/** Returns the id of the job of a mailbox. BullMQ refuses whole numbers, and colons. */
export function jobIdOf(id: string): string {
  return `m-${id.replaceAll(/[%:]/g, encodeURIComponent)}`;
}

/** Returns the id of the mailbox of a job; `undefined` if the job is not one of ours. */
export function mailboxIdOf(jobId: string | undefined): string | undefined {
  if (jobId?.startsWith("m-") !== true) return undefined;
  return jobId.slice(2).replaceAll(/%25|%3A/g, decodeURIComponent);
}
