// A setting from the environment, which is where the examples look for theirs.

/** Throws where it is not set, and there is no `otherwise`. */
export function setting(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  if (value === undefined || value === "") throw new Error(`set the environment variable ${name}`);
  return value;
}
