// What a run would do: what a dry run reports.
import { isDue } from "./schedule.ts";
import type { FetchPlan, Listed } from "./plan.ts";
import type { CompletePolicy } from "./policy.ts";

/** A message that a run would retrieve or delete. */
export interface PlannedMessage {
  readonly number: number;
  readonly uid: string | undefined;
  /** As LIST announces it; octets. */
  readonly size: number | undefined;
}

/** What a run would do, in its order, if the server lists the same when it begins. */
export interface PlannedRun {
  readonly retrieve: readonly (PlannedMessage & {
    /**
     * How it would be delivered. `"content"`: it has no unique-id of its own, so it is retrieved, and delivered if its
     * content is new; such a message may be deleted, too.
     */
    readonly what: "whole" | "headers" | "content";
  })[];
  readonly delete: readonly (PlannedMessage & {
    /**
     * - `"delivered"`: an earlier run has delivered it.
     * - `"retrieved"`: this run would deliver it, and delete it then.
     * - `"too large"`: it is deleted, and was never delivered.
     */
    readonly why: "delivered" | "retrieved" | "too large";
  })[];
}

/** `now`: milliseconds since 1970. */
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
    ({ id, what, size, before, baseline }) =>
      id !== undefined &&
      what === "whole" &&
      !baseline &&
      isDue(policy.delete, before?.firstSeen ?? now, size, now),
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
