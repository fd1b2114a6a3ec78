// Keeps a refresh token in a file that only this user can read.
import { readFile, rename, writeFile } from "node:fs/promises";

/** Returns the options of `refreshedToken` for the token in `file`: how to read it, and how to replace it. */
export function refreshTokenIn(file: string): {
  readonly refreshToken: () => Promise<string>;
  readonly onToken: (token: string) => Promise<void>;
} {
  return {
    // For each request: another program, or a new sign-in, may have replaced it.
    refreshToken: async () => (await readFile(file, "utf8")).trim(),
    onToken: (token) => saveRefreshToken(file, token),
  };
}

/** Saves the token. A concurrent reader gets the old token or the new one. */
export async function saveRefreshToken(file: string, token: string): Promise<void> {
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
