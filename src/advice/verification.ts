// The public form of an examination: its steps with advice, and the report of them all.
import type { AnyPop3Error } from "../errors.ts";
import { loadPart } from "../net/load-part.ts";
import { CALL, type CallOptions, type NamesOf } from "../options/call.ts";
import { adviceOn, type Pop3Attempt } from "./explain.ts";
import type { Examination, Step } from "./examination.ts";
import { forPrograms } from "./wording.ts";

/** Options of {@link Pop3Client.verify} and {@link Pop3Client.verifySteps}. */
export interface VerifyOptions extends CallOptions {
  /**
   * Whether to retrieve a few small messages together, to test whether the server answers in order. The server may mark
   * them as read. @default false
   */
  readonly pipelining?: boolean | undefined;
}

export const VERIFY: NamesOf<VerifyOptions> = { ...CALL, pipelining: true };

/** One step of {@link Pop3Client.verifySteps}. */
export interface Pop3VerifyStep {
  /** The name of the step. */
  readonly name: Step["name"];
  /** Whether the step succeeded. If not, it is the last one. */
  readonly ok: boolean;
  /** What was found, for people; the message of the error if the step failed. */
  readonly text: string;
  /** Remarks, and advice if the step failed. */
  readonly notes: readonly string[];
  /**
   * What was found, for programs: `tls`, `greeting`, `capabilities`, `login`, `mechanism`, `messages`, `octets`, `uids`,
   * `malformed`, `pipelining`. Each step has a few of them.
   */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Why the step failed. */
  readonly error?: AnyPop3Error;
}

/** The report of {@link Pop3Client.verify}. */
export interface Pop3VerifyReport {
  /** Whether all steps succeeded. */
  readonly ok: boolean;
  /** The steps, in order, up to the one that failed. */
  readonly steps: readonly Pop3VerifyStep[];
  /** The facts of all steps together. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The error of the step that failed. */
  readonly error?: AnyPop3Error;
}

/** Yields the steps of an examination with advice. */
export async function* stepsOf(
  examination: Examination,
  attempt: Pop3Attempt,
): AsyncGenerator<Pop3VerifyStep, void, undefined> {
  const { examine } = await loadPart(() => import("./examination.ts"));
  for await (const { name, text, notes, facts, error } of examine(examination)) {
    const remarks = notes.map(forPrograms);
    yield error === undefined
      ? { name, ok: true, text, notes: remarks, facts }
      : {
          name,
          ok: false,
          text: error.message,
          notes: [...adviceOn(error, attempt).map(forPrograms), ...remarks],
          facts,
          error,
        };
  }
}

/** Collects the steps of an examination. */
export async function reportOf(found: AsyncIterable<Pop3VerifyStep>): Promise<Pop3VerifyReport> {
  const steps: Pop3VerifyStep[] = [];
  for await (const step of found) steps.push(step);
  const facts = Object.fromEntries(steps.flatMap((step) => Object.entries(step.facts)));
  const { error } = steps.at(-1) ?? {};
  return error === undefined ? { ok: true, steps, facts } : { ok: false, steps, facts, error };
}
