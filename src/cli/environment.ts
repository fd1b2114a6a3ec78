// The environment of a process, without the variables that have secrets.

/** Windows does not distinguish upper and lower case in the names of variables: `env` may have either. */
export function withoutVariables(
  env: NodeJS.ProcessEnv,
  names: Iterable<string>,
  isWindows: boolean = process.platform === "win32",
): NodeJS.ProcessEnv {
  const keyOf = (name: string): string => (isWindows ? name.toUpperCase() : name);
  const left = new Set([...names].map(keyOf));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !left.has(keyOf(name))));
}
