// A job is done by a client process of its own, so that time, CPU and memory are those of one client alone.
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
  /** A mailbox that is retrieved first, so that what is measured runs compiled. */
  readonly warm?: string;
  /** From the TCP connect to the reply to QUIT; otherwise only RETR. */
  readonly session?: boolean;
  /** Where round trips are counted: a port of the delay proxy. */
  readonly counts?: number;
}

/** Every message, compared with what was sent. */
export interface VerifyJob extends ContenderJob {
  readonly task: "verify";
}

/** One huge message, as a stream where there is one. */
export interface LargeJob extends ContenderJob {
  readonly task: "large";
  /** Reads so many octets and no more; the memory after that is what counts. */
  readonly readOnly?: number;
}

export interface ListingJob extends ContenderJob {
  readonly task: "listing";
  readonly command: "uidl" | "list";
}

/** Connect, log in, UIDL, QUIT, again and again. */
export interface PollJob extends ContenderJob {
  readonly task: "poll";
  readonly polls: number;
  /** Resumes a TLS session that was kept from an earlier connection. */
  readonly resume?: boolean;
  readonly counts?: number;
}

/** Many sessions at once. */
export interface SessionsJob extends ContenderJob {
  readonly task: "sessions";
  readonly sessions: number;
}

/** Many sessions one after the other, some at a time; what is left of them. */
export interface ChurnJob extends ContenderJob {
  readonly task: "churn";
  readonly sessions: number;
  readonly atOnce: number;
}

/** The decoder by itself; no server. */
export interface DecoderJob {
  readonly task: "decoder";
  readonly input: string;
  /** Octets of a chunk. */
  readonly chunk: number;
}

export type Job =
  RetrieveJob | VerifyJob | LargeJob | ListingJob | PollJob | SessionsJob | ChurnJob | DecoderJob;

/** What a job measured, each with its name. Times in milliseconds, memory in megabytes (10^6 octets). */
export type Outcome = Readonly<Record<string, number>>;

/** What a client process says at its end. */
export type JobAnswer = { readonly outcome: Outcome } | { readonly error: string };

/** Why there is no outcome: in words for the table. */
export class NoOutcome extends Error {}

/** Does a job in a new process, and ends that when it takes longer than `limit` seconds. */
export function runJob(job: Job, limit: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("client.js", import.meta.url)), {
      execArgv: ["--expose-gc", "--no-deprecation"],
      // What a peer prints is not for our table.
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
      else if (late) reject(new NoOutcome(`no end in ${limit} s`));
      else reject(new NoOutcome(answer?.error ?? `ended with ${String(code)}: ${said.slice(-300).trim()}`));
    });
    child.send(job);
  });
}
