// Turns a plan into the report of a dry run: what a real run would retrieve and delete.
import { isDue } from "./schedule.ts";
import type { FetchPlan } from "./plan.ts";
import type { Listed } from "./steps.ts";
import type { CompletePolicy } from "./policy.ts";

/** A message that a run would retrieve or delete. */
export interface PlannedMessage {
  /** The message number in this session. */
  readonly number: number;
  /** The unique-id; `undefined` if the server gave none. */
  readonly uid: string | undefined;
  /** Octets, as LIST announces them. */
  readonly size: number | undefined;
}

/** The actions of a run, in its order, if the server still lists the same messages when it begins. */
export interface PlannedRun {
  /** The messages to retrieve. */
  readonly retrieve: readonly (PlannedMessage & {
    /**
     * How the message would be delivered. `"content"`: it has no usable unique-id, so it is retrieved, and
     * delivered if its content is new. Such a message may be deleted as well.
     */
    readonly what: "whole" | "headers" | "content";
  })[];
  /** The messages to delete. */
  readonly delete: readonly (PlannedMessage & {
    /**
     * - `"delivered"`: an earlier run has delivered it.
     * - `"retrieved"`: this run would deliver it and then delete it.
     * - `"too large"`: the policy deletes it although it was never delivered.
     */
    readonly why: "delivered" | "retrieved" | "too large";
  })[];
}

/** Returns what a run by this plan would do. `now`: milliseconds since 1970. */
export function plannedRun(
  { retrieve, remove }: FetchPlan,
  policy: Pick<CompletePolicy, "delete">,
  now: number,
): PlannedRun {
  const deleted = remove.map((message) => {
    const why = message.entry.reason === "too large" ? "too large" : "delivered";
    return { ...listed(message), why } as const;
  });
  const thenDeleted = retrieve.filter(
    ({ id, what, size, before }) =>
      id !== undefined && what === "whole" && isDue(policy.delete, before?.firstSeen ?? now, size, now),
  );
  return {
    retrieve: retrieve.map((message) => ({
      ...listed(message),
      what: message.id === undefined ? "content" : message.what,
    })),
    delete: [
      ...deleted,
      ...thenDeleted.map((message) => ({ ...listed(message), why: "retrieved" }) as const),
    ],
  };
}

function listed({ number, uid, size }: Listed): PlannedMessage {
  return { number, uid, size };
}
