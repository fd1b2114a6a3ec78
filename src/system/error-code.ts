// The codes of errors of the system. Node has no name for some of them, such as that of a full quota.

/** Loads node:os when a code is unknown: few programs need it. */
function nameOf(number: number): string | undefined {
  const { constants } = process.getBuiltinModule("node:os");
  return Object.entries(constants.errno).find(([, each]) => each === number)?.[0];
}

/**
 * Returns the code of an error, such as `ENOSPC`; `undefined` if it has none. For EDQUOT and ESTALE the `code` of
 * Node's error is `Unknown system error -122`, and only `errno` tells.
 */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  try {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (typeof code !== "string") return undefined;
    return code.startsWith("Unknown system error") ? nameOf(-(errno ?? 0)) : code;
  } catch {
    // A function of the caller may throw an object whose properties throw when they are read.
    return undefined;
  }
}
