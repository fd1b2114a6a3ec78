// The secret with which a destination signs in. It is never an argument, and not in the configuration file.
import { printable } from "../../../protocol/printable.ts";
import type { JsonPath } from "../../json-lines.ts";
import { signInNamed, storedSignIn } from "../../login/stored-sign-in.ts";
import { secretFrom } from "../../secret.ts";
import { TO_PASSWORD, TO_TOKEN } from "../../secret-variables.ts";
import type { Fields, Table } from "../fields.ts";
import type { PlaceScene, PlaceSecret } from "./place.ts";

/** The keys of the configuration file. */
export const SECRET_KEYS = [
  "login",
  "passwordEnv",
  "passwordCommand",
  "passwordFile",
  "tokenEnv",
  "tokenCommand",
] as const;

/** Reads the keys of a secret. `user`: who signs in, if `login` does not say it. Throws `ConfigurationError`. */
export function readSecret(
  path: JsonPath,
  table: Table,
  fields: Fields,
  user: string | undefined,
): PlaceSecret {
  const text = (key: string): string | undefined => fields.string(`${path}.${key}`, table[key]);
  const command = (key: string): readonly string[] | undefined =>
    fields.command(`${path}.${key}`, table[key]);
  const login = fields.checked(`${path}.login`, text("login"), (word) => signInNamed(word, user, "imap"));
  const [, ...others] = SECRET_KEYS;
  const other = others.find((key) => table[key] !== undefined);
  if (login !== undefined && other !== undefined)
    throw fields.wrong(`${path}.login`, `cannot be combined with ${other}`);
  return {
    login,
    passwordEnv: text("passwordEnv"),
    passwordCommand: command("passwordCommand"),
    passwordFile: text("passwordFile"),
    tokenEnv: text("tokenEnv"),
    tokenCommand: command("tokenCommand"),
  };
}

/** The environment variables that it names. */
export function variablesOfSecret({ passwordEnv, tokenEnv }: PlaceSecret): readonly (string | undefined)[] {
  return [passwordEnv, tokenEnv];
}

/** The secret, read when it is needed: a token, or else a password. */
export type PlaceAuth =
  { readonly accessToken: () => Promise<string> } | { readonly password: () => Promise<string> };

/** Returns the secret with which `user` signs in. */
export function authOf(secret: PlaceSecret, user: string, { io, env, pathOf }: PlaceScene): PlaceAuth {
  const token = tokenOf(secret, user, { io, env });
  if (token !== undefined) return { accessToken: token };
  const { passwordEnv = TO_PASSWORD, passwordCommand, passwordFile } = secret;
  const file = passwordFile === undefined || passwordFile === "-" ? passwordFile : pathOf(passwordFile);
  const source = { variable: passwordEnv, command: passwordCommand, file };
  return { password: secretFrom(source, `password of ${printable(user)} at the destination`, io, env) };
}

/** Returns the access token, if the secret is one. */
export function tokenOf(
  { login, passwordEnv, passwordCommand, passwordFile, tokenEnv, tokenCommand }: PlaceSecret,
  user: string,
  { io, env }: Pick<PlaceScene, "io" | "env">,
): (() => Promise<string>) | undefined {
  if (login !== undefined) {
    const token = storedSignIn(signInNamed(login, user, "imap"), io);
    return async () => token();
  }
  const isPassword = [passwordEnv, passwordCommand, passwordFile].some((each) => each !== undefined);
  const variable = tokenEnv ?? (isPassword ? undefined : TO_TOKEN);
  const inEnvironment = variable !== undefined && (io.env[variable] ?? "") !== "";
  if (tokenCommand === undefined && tokenEnv === undefined && !inEnvironment) return undefined;
  const what = `access token of ${printable(user)} at the destination`;
  return secretFrom({ variable, command: tokenCommand }, what, io, env);
}
