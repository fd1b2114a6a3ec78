// Remembers which failures of a destination are a refused sign-in: then the settings are wrong, not the destination.

const refused = new WeakSet<object>();

/** Marks an error, or a line of a check, as a refused sign-in. Returns it. */
export function asRefusedSignIn<T extends object>(failure: T): T {
  refused.add(failure);
  return failure;
}

/** Whether an error, or a line of a check, is a refused sign-in. */
export function isRefusedSignIn(failure: unknown): boolean {
  return typeof failure === "object" && failure !== null && refused.has(failure);
}
