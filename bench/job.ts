// Runs each job in a separate client process, so that time, CPU and memory are those of one client alone.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Target } from "./contenders/contender.ts";

interface ContenderJob {
  /** The name of a contender. */
  readonly contender: string;
  readonly target: Target;
}

export interface RetrieveJob extends ContenderJob {
  readonly task: "retrieve";
  /** A mailbox to retrieve first, in a session of its own, so that the measured code is already compiled. */
  readonly warm?: string;
  /** The rounds before the measured ones, so that the compiler has finished. @default 0 */
  readonly before?: number;
  /** The measured rounds: each retrieves the mailbox in the same session. @default 1 */
  readonly rounds?: number;
  /** Whether to measure from the TCP connect to the reply to QUIT; otherwise only RETR. */
  readonly session?: boolean;
  /** The port of the delay proxy that returns the count of round trips. */
  readonly counts?: number;
}

/** Compares every message with the one that was sent. */
export interface VerifyJob extends ContenderJob {
  readonly task: "verify";
}

/** Retrieves one huge message, as a stream if the client has one. */
export interface LargeJob extends ContenderJob {
  readonly task: "large";
  /** Stops reading after this number of bytes, and measures the memory after that. */
  readonly readOnly?: number;
}

export interface ListingJob extends ContenderJob {
  readonly task: "listing";
  readonly command: "uidl" | "list";
}

/** Connects, logs in, sends UIDL and QUIT, again and again. */
export interface PollJob extends ContenderJob {
  readonly task: "poll";
  readonly polls: number;
  /** Resumes a TLS session that was kept from an earlier connection. */
  readonly resume?: boolean;
  readonly counts?: number;
}

/** Fetches a mailbox into a Maildir. */
export interface FetchJob {
  readonly task: "fetch";
  readonly target: Target;
}

/** Runs many sessions at once. */
export interface SessionsJob extends ContenderJob {
  readonly task: "sessions";
  readonly sessions: number;
}

/** Opens many sessions and keeps them open. */
export interface IdleJob extends ContenderJob {
  readonly task: "idle";
  readonly sessions: number;
}

/** Runs thousands of sessions, a few at a time, and measures what they leave in memory. */
export interface ChurnJob extends ContenderJob {
  readonly task: "churn";
  readonly sessions: number;
  readonly atOnce: number;
}

/** Runs the decoder alone, without a server. */
export interface DecoderJob {
  readonly task: "decoder";
  readonly input: string;
  /** The bytes in a chunk. */
  readonly chunk: number;
}

export type Job =
  | RetrieveJob
  | VerifyJob
  | LargeJob
  | ListingJob
  | PollJob
  | FetchJob
  | SessionsJob
  | IdleJob
  | ChurnJob
  | DecoderJob;

/** Name → value of the measurements of a job. Times are in milliseconds, memory in megabytes (10^6 bytes). */
export type Outcome = Readonly<Record<string, number>>;

/** The last message of a client process. */
export type JobAnswer = { readonly outcome: Outcome } | { readonly error: string };

/** The reason why there is no outcome, as a text for the table. */
export class NoOutcome extends Error {}

/** Runs a job in a new process. Kills the process if it takes longer than `limit` seconds. */
export function runJob(job: Job, limit: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("client.js", import.meta.url)), {
      execArgv: ["--expose-gc", "--no-deprecation"],
      // Other clients may print something, which must not get into our table.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => (said += text.toString()));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limit * 1000);
    let answer: JobAnswer | undefined;
    child.on("message", (message) => (answer = message as JobAnswer));
    child.on("exit", (code) => {
      clearTimeout(timer);
      if (answer !== undefined && "outcome" in answer) resolve(answer.outcome);
      else if (late) reject(new NoOutcome(`not finished after ${limit} s`));
      else reject(new NoOutcome(answer?.error ?? `ended with ${String(code)}: ${said.slice(-300).trim()}`));
    });
    child.send(job);
  });
}
