// Stores the sign-ins of `popwright login`: one file for each, which only its owner can read, replaced in one step.
import { constants } from "node:fs";
import { dirname, join } from "node:path";
import { isSystemError, makeDirectory, replaceFile } from "../../fetch/files/fsync.ts";
import { Lock } from "../../fetch/files/lock.ts";
import { openOwn, type OurFile } from "../../fetch/files/own-file.ts";
import { printable } from "../../protocol/printable.ts";
import { defaultState } from "../default-state.ts";
import type { Io } from "../io.ts";
import { shellWord } from "../text.ts";
import { ConfigurationError } from "../usage-error.ts";
import type { ProviderName, Purpose } from "./sign-in-provider.ts";
import { readFile, readWhole } from "../../fetch/files/read-whole.ts";

/** What names a sign-in. */
export interface SignInName {
  readonly provider: ProviderName;
  readonly purpose: Purpose;
  readonly address: string;
}

/** The content of the file. */
export interface SignIn extends SignInName {
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Google requires it from desktop applications too, at each refresh. */
  readonly clientSecret?: string | undefined;
  /** The scopes that each refresh must name. */
  readonly scope?: string | undefined;
  readonly refreshToken: string;
  /** The options of the sign-in, for the next one. */
  readonly tenant?: string | undefined;
  readonly authority?: string | undefined;
}

/** Returns the path of the file: in the directory of the ledger, as `defaultState` finds it. */
export function pathOfSignIn({ provider, purpose, address }: SignInName, env: Io["env"]): string {
  const kind = purpose === "mail" ? provider : `${provider}-${purpose}`;
  // The prefix also keeps names away that Windows has for devices.
  const safe = address
    .toLowerCase()
    .replace(/[^a-z0-9@._-]/gu, (letter) => Buffer.from(letter).toString("hex").replace(/../g, "%$&"));
  return join(defaultState(env), "sign-ins", `${kind}-${safe}.json`);
}

/**
 * Reads a sign-in. `undefined`: there is none. `ours`: see {@link whileLocked}; then the file must be ours, because it names
 * the server that gets the secrets. Throws {@link ConfigurationError} if the file cannot be used.
 */
export async function readSignIn(path: string, ours: OurFile | undefined): Promise<SignIn | undefined> {
  let text: string;
  try {
    text = (await (ours === undefined ? readFile(path) : readOwn(path, ours))).toString("utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw unreadable(path, (error as Error).message);
  }
  return signInFrom(path, text);
}

/** Parses the content of a sign-in file. Throws {@link ConfigurationError} if it is damaged. `path`: for the error. */
export function signInFrom(path: string, text: string): SignIn {
  try {
    const value = JSON.parse(text) as Partial<SignIn>;
    const texts = [value.tokenUrl, value.clientId, value.refreshToken];
    if (texts.every((each) => typeof each === "string")) return value as SignIn;
  } catch {
    // The text is not shown: it has secrets.
  }
  throw unreadable(path, "it is damaged");
}

async function readOwn(path: string, ours: OurFile): Promise<Buffer> {
  const file = await openOwn(path, constants.O_RDONLY, ours);
  try {
    return await readWhole(file);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, why: string): ConfigurationError {
  return new ConfigurationError(`cannot read the sign-in in ${printable(path)}: ${printable(why)}`);
}

/** Makes the directory of the file, so that a sign-in does not fail at its end. */
export async function prepareSignIn(path: string): Promise<void> {
  try {
    await makeDirectory(dirname(path));
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Creates or replaces the file. It survives a crash once this resolves. */
export async function writeSignIn(path: string, signIn: SignIn): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(signIn, undefined, 2)}\n`);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): ConfigurationError {
  return new ConfigurationError(
    `cannot write the sign-in in ${printable(path)}: ${printable((error as Error).message)}`,
  );
}

/** The times of the lock, in milliseconds. A refresh takes 30 seconds at most. */
const TIMES = { heartbeat: 10_000, stale: 60_000 };
const POLL = 100;

/**
 * Calls `work` while no other process uses the file: a provider may accept a refresh token only once, so two processes must
 * not use it at the same time. `work` gets the owner and the permissions of our files in the directory. In a directory that
 * cannot be written to, it calls `work` without a lock, and with `undefined`: the files are those of an administrator.
 */
export async function whileLocked<T>(
  path: string,
  work: (ours: OurFile | undefined) => Promise<T>,
): Promise<T> {
  const lock = await takeLock(`${path}.lock`);
  try {
    return await work(lock?.ours);
  } finally {
    await lock?.release();
  }
}

async function takeLock(path: string): Promise<Lock | undefined> {
  for (;;) {
    try {
      const lock = await Lock.take(path, TIMES);
      if (lock !== undefined) return lock;
    } catch (error) {
      if (["EROFS", "EACCES", "EPERM", "ENOENT"].some((code) => isSystemError(error, code))) return undefined;
      throw unwritable(path, error);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** The command that signs in. */
export function loginCommand({ provider, purpose, address }: SignInName): string {
  const option = purpose === "mail" ? "" : ` --for ${purpose}`;
  return `popwright login ${provider} ${printable(shellWord(address))}${option}`;
}
