// Removes variables with secrets from the environment that a child process gets.

/**
 * Returns a copy of `env` without the variables `names`. Windows ignores the case of these names, so there
 * every spelling of a name is removed.
 */
export function withoutVariables(
  env: NodeJS.ProcessEnv,
  names: Iterable<string>,
  isWindows: boolean = process.platform === "win32",
): NodeJS.ProcessEnv {
  const keyOf = (name: string): string => (isWindows ? name.toUpperCase() : name);
  const left = new Set([...names].map(keyOf));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !left.has(keyOf(name))));
}
