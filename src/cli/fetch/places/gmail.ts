// A Gmail account, by the Gmail API: gmail:ann@gmail.com. It uses the sign-in of `popwright login google ADDRESS --for gmail-api`.
import { join } from "node:path";
import { GmailImport, type GmailImportOptions } from "../../../fetch/index.ts";
import { storedSignIn } from "../../login/stored-sign-in.ts";
import { UsageError } from "../../usage-error.ts";
import type { Fields, Hints } from "../fields.ts";
import type { JsonPath } from "../../json-lines.ts";
import type { PlaceKind, PlaceScene, PlaceSecret } from "./place.ts";
import { tokenOf, variablesOfSecret } from "./secret.ts";

type Options = Partial<Omit<GmailImportOptions, "state" | "accessToken">>;

export interface GmailPlace extends Pick<PlaceSecret, "tokenEnv" | "tokenCommand"> {
  readonly address: string;
  readonly options: Options;
}

/** The options of {@link GmailImport} that the configuration file can set. */
const OPTIONS: readonly (keyof Options)[] = [
  "labels",
  "method",
  "neverMarkSpam",
  "internalDateSource",
  "processForCalendar",
  "limit",
  "timeout",
  "api",
];

/** Keys that users try first, in lower case. */
const HINTS: Hints = new Map([
  ...["token", "accessToken", "password", "pass", "passwordEnv", "passwordCommand", "login"].map(
    (key) =>
      [
        key.toLowerCase(),
        ": `popwright login google ADDRESS --for gmail-api` signs in; or use tokenEnv or tokenCommand",
      ] as const,
  ),
  ...["label", "folder"].map(
    (key) => [key, ': did you mean labels? As in ["INBOX", "UNREAD", "Work"]'] as const,
  ),
]);

export const gmail: PlaceKind<GmailPlace> = {
  read(path, value, fields) {
    const table =
      typeof value === "string"
        ? { address: value }
        : fields.table(path, value, ["address", "tokenEnv", "tokenCommand", ...OPTIONS], HINTS);
    const address = fields.string(`${path}.address`, table["address"]) ?? "";
    const options = Object.fromEntries(
      OPTIONS.filter((name) => Object.hasOwn(table, name)).map((name) => [name, table[name as "address"]]),
    ) as Options;
    fields.created(path, "gmail", () => new GmailImport(address, { ...options, accessToken: () => "?" }));
    return { address, options, ...readToken(path, table, fields) };
  },
  named(to, { login, passwordCommand, tokenCommand }) {
    if (passwordCommand !== undefined)
      throw new UsageError(
        "--to-password-command cannot be used with gmail: the Gmail API takes no password",
      );
    if (login !== undefined && login !== "google")
      throw new UsageError("--to-login must be google for gmail, and is not necessary");
    const [address = "", query] = to.replace(/^gmail:/i, "").split("?", 2);
    const api = new URLSearchParams(query).get("api");
    return { address: addressIn(address), options: api === null ? {} : { api }, tokenCommand };
  },
  takesSecret: true,
  variables: variablesOfSecret,
  shown: ({ address }) => `gmail:${address}`,
  create: (place, scene) => create(place, scene, tokenFor(place, scene)),
  async check(place, scene) {
    const accessToken = tokenFor(place, scene);
    // If there is none, its error says what to do.
    await accessToken();
    return create(place, scene, accessToken).check(scene.io.stop);
  },
  shared: true,
};

/** Decodes the address after `gmail:`. */
function addressIn(encoded: string): string {
  try {
    const address = decodeURIComponent(encoded);
    if (address.includes("@")) return address;
  } catch {
    // The same is wrong with it.
  }
  throw new UsageError("--to needs an address after gmail:, as in gmail:ann@gmail.com");
}

function readToken(
  path: JsonPath,
  table: Readonly<Record<string, unknown>>,
  fields: Fields,
): Pick<GmailPlace, "tokenEnv" | "tokenCommand"> {
  return {
    tokenEnv: fields.string(`${path}.tokenEnv`, table["tokenEnv"]),
    tokenCommand: fields.command(`${path}.tokenCommand`, table["tokenCommand"]),
  };
}

type Token = GmailImportOptions["accessToken"];

/** The token of the user, if one is given, and otherwise that of the sign-in. */
function tokenFor(place: GmailPlace, scene: PlaceScene): Token {
  const { address } = place;
  return (
    tokenOf(place, address, scene) ??
    storedSignIn({ provider: "google", purpose: "gmail-api", address }, scene.io)
  );
}

function create({ address, options }: GmailPlace, { state }: PlaceScene, accessToken: Token): GmailImport {
  return new GmailImport(address, { ...options, state: join(state, "destinations", "gmail"), accessToken });
}
