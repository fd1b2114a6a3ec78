// Reads the settings of the examples from environment variables.

/** Returns a variable, or `otherwise` if it is not set. Throws if there is no `otherwise` either. */
export function setting(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  if (value === undefined || value === "") throw new Error(`the environment variable ${name} must be set`);
  return value;
}
