// What destinations have in common that connect to a server with a URL.
import type { JsonPath } from "../../json-lines.ts";
import { passwordIn } from "../../account.ts";
import { readCertificates } from "../../certificates.ts";
import { SECRET_HINTS, type Fields, type Hints, type Table } from "../fields.ts";
import type { PlaceScene } from "./place.ts";
import type { PlaceAuth } from "./secret.ts";

const HINTS: Hints = new Map([
  ...SECRET_HINTS,
  ...["host", "port", "user", "username", "server", "folder", "mailbox"].map(
    (key) => [key, ": it is a part of url, as in imaps://ann%40example.com@imap.example.com/INBOX"] as const,
  ),
]);

interface Server {
  /** Empty, if there is another key in its place. */
  readonly url: string;
  readonly ca: string | undefined;
  readonly table: Table;
  /** The values of `options`, as far as they are there. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Reads a URL, or an object with it. `instead`: a key that can be in place of the URL. Throws `ConfigurationError`. */
export function readServer(
  path: JsonPath,
  value: unknown,
  fields: Fields,
  names: readonly string[],
  options: readonly string[],
  instead?: string,
): Server {
  const table: Table =
    typeof value === "string" ? { url: value } : fields.table(path, value, ["url", "ca", ...names], HINTS);
  const url = fields.string(`${path}.url`, table["url"]);
  const at = typeof value === "string" ? path : `${path}.url`;
  if (url === undefined && (instead === undefined || table[instead] === undefined))
    throw fields.wrong(at, "is missing");
  if (url !== undefined && passwordIn(url))
    throw fields.wrong(at, "must not contain a password: use passwordEnv or passwordCommand instead");
  return {
    url: url ?? "",
    ca: fields.string(`${path}.ca`, table["ca"]),
    table,
    options: Object.fromEntries(Object.entries(table).filter(([name]) => options.includes(name))),
  };
}

/** The user name in a URL. */
export function userIn(url: string): string | undefined {
  const { username = "" } = URL.canParse(url) ? new URL(url) : {};
  try {
    return username === "" ? undefined : decodeURIComponent(username);
  } catch {
    return username;
  }
}

/** Returns the option `tls` with the certificates in a file. Throws as {@link readCertificates}. */
export function certificates(
  path: string | undefined,
  { pathOf }: PlaceScene,
): { readonly tls?: { readonly ca: string } } {
  return path === undefined ? {} : { tls: { ca: readCertificates(pathOf(path)) } };
}

/** Reads a secret now. A destination says only that there is none; the error of this function says what to do. */
export async function tried(auth: PlaceAuth): Promise<PlaceAuth> {
  if ("accessToken" in auth) {
    await auth.accessToken();
    return auth;
  }
  const password = await auth.password();
  return { password: async () => password };
}
