// Reads and checks the configuration file of `fetch`. An error names the file, the line and the key.
import { dirname, resolve } from "node:path";
import { Pop3Error } from "../../index.ts";
import { completePolicy } from "../../fetch/plan/policy.ts";
import type { FetchPolicy } from "../../fetch/index.ts";
import { printable } from "../../protocol/printable.ts";
import {
  checkMechanism,
  checkProxy,
  mailboxOf,
  optionsOf,
  passwordIn,
  type AccountSource,
} from "../account.ts";
import { PLACES, readPlace, variablesOf, type DeliveryPlace } from "./delivery-place.ts";
import { homePath } from "../home-path.ts";
import { Fields, SECRET_HINTS, type Hints, type Table } from "./fields.ts";
import { signInNamed } from "../login/stored-sign-in.ts";
import { JsonSyntaxError, parseJsonLines, type JsonDocument, type JsonPath } from "../json-lines.ts";
import { PASSWORD, SECRET_VARIABLES } from "../secret-variables.ts";
import { ConfigurationError, UsageError } from "../usage-error.ts";
import { readFile } from "../../fetch/files/read-whole.ts";

interface ConfiguredAccount {
  /** The name of the mailbox in the ledger. */
  readonly name: string | undefined;
  readonly source: AccountSource;
  readonly to: DeliveryPlace;
  readonly policy: FetchPolicy;
}

export interface Configuration {
  /** The directory of the ledger, as the file gives it. */
  readonly state: string;
  readonly maxSessions: number | undefined;
  readonly maxPerHost: number | undefined;
  readonly accounts: readonly ConfiguredAccount[];
  /** The names of the environment variables that contain secrets. */
  readonly secrets: ReadonlySet<string>;
  /** Resolves a path of the file: a relative path starts at the directory of the file. */
  readonly pathOf: (path: string) => string;
}

/** Reads a file. Throws {@link ConfigurationError}, with file, line and key. */
export async function readConfiguration(path: string): Promise<Configuration> {
  let text: string;
  try {
    text = (await readFile(path)).toString("utf8");
  } catch (error) {
    throw new ConfigurationError(`cannot read ${printable(path)}: ${printable((error as Error).message)}`, {
      cause: error,
    });
  }
  // The redirection of PowerShell writes UTF-16.
  if (text.includes("\0"))
    throw new ConfigurationError(`${printable(path)} must be UTF-8 text: save it as UTF-8`);
  return parseConfiguration(text, path);
}

export function parseConfiguration(text: string, path: string): Configuration {
  let document: JsonDocument;
  try {
    document = parseJsonLines(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ConfigurationError(`${printable(path)}:${String(error.line)}: ${error.message}`);
  }
  return new Checker(path, document).configuration();
}

const TOP = ["state", "to", "policy", "maxSessions", "maxPerHost", "accounts"] as const;
const ACCOUNT = [
  "name",
  "url",
  "to",
  "policy",
  "ca",
  "mechanism",
  "proxy",
  "passwordEnv",
  "passwordCommand",
  "passwordFile",
  "tokenEnv",
  "tokenCommand",
  "login",
] as const;

/** Keys that users try first, in lower case, and what to do instead. `fetch` has other options of these names. */
const HINTS: Hints = new Map([
  ...SECRET_HINTS,
  ...["host", "port", "user", "username", "server"].map(
    (key) => [key, ": it is a part of url, as in pop3s://user@pop.example.com"] as const,
  ),
  ...[...PLACES, "destination"].map(
    (key) => [key, ': did you mean to? As in "to": { "maildir": "Mail" }'] as const,
  ),
  ...["delete", "maxSize", "firstRun", "order", "limits", "keepDays"].map(
    (key) => [key.toLowerCase(), ": it is a part of policy"] as const,
  ),
]);

class Checker {
  readonly #file: string;
  readonly #document: JsonDocument;
  readonly #fields: Fields;

  constructor(file: string, document: JsonDocument) {
    this.#file = file;
    this.#document = document;
    this.#fields = new Fields(file, document);
  }

  configuration(): Configuration {
    const top = this.#fields.table("", this.#document.value, TOP, HINTS);
    const base = dirname(resolve(this.#file));
    const to = top["to"] === undefined ? undefined : readPlace("to", top["to"], this.#fields);
    const policy = this.#policy("policy", top["policy"], {});
    const { accounts } = top;
    if (!Array.isArray(accounts) || accounts.length === 0)
      throw this.#fields.wrong(
        "accounts",
        'must be a non-empty list of accounts, such as [{ "url": "pop3s://user@pop.example.com" }]',
      );
    const checked = accounts.map((account, index) =>
      this.#account(`accounts[${String(index)}]`, account, to, policy),
    );
    this.#checkNames(checked);
    return {
      state: this.#fields.string("state", top["state"]) ?? "state",
      maxSessions: this.#fields.count("maxSessions", top["maxSessions"]),
      maxPerHost: this.#fields.count("maxPerHost", top["maxPerHost"]),
      accounts: checked,
      secrets: new Set([
        ...SECRET_VARIABLES,
        ...checked.flatMap(({ source: { password, token }, to }) =>
          [password.variable, token.variable, ...variablesOf(to)].filter((name) => name !== undefined),
        ),
      ]),
      pathOf: (path) => resolve(base, homePath(path)),
    };
  }

  #account(
    path: JsonPath,
    value: unknown,
    to: DeliveryPlace | undefined,
    policy: FetchPolicy,
  ): ConfiguredAccount {
    const account = this.#fields.table(path, value, ACCOUNT, HINTS);
    const text = (name: (typeof ACCOUNT)[number]): string | undefined =>
      this.#fields.string(`${path}.${name}`, account[name]);
    const url = text("url");
    if (url === undefined)
      throw this.#fields.wrong(`${path}.url`, "is missing: it must look like pop3s://user@pop.example.com");
    this.#checkUrl(`${path}.url`, url);
    const place = account["to"] === undefined ? to : readPlace(`${path}.to`, account["to"], this.#fields);
    if (place === undefined)
      throw this.#fields.wrong(`${path}.to`, "is missing: set it here, or at the top level for all accounts");
    return {
      name: text("name"),
      source: {
        url,
        password: {
          variable: text("passwordEnv") ?? PASSWORD,
          command: this.#fields.command(`${path}.passwordCommand`, account["passwordCommand"]),
          file: text("passwordFile"),
        },
        token: {
          variable: text("tokenEnv"),
          command: this.#fields.command(`${path}.tokenCommand`, account["tokenCommand"]),
        },
        login: this.#login(`${path}.login`, account, optionsOf(url).auth?.user),
        ca: text("ca"),
        mechanism: this.#fields.checked(`${path}.mechanism`, text("mechanism"), checkMechanism),
        proxy: this.#fields.checked(`${path}.proxy`, text("proxy"), checkProxy),
      },
      to: place,
      policy: this.#policy(`${path}.policy`, account["policy"], policy),
    };
  }

  #login(path: JsonPath, account: Table, user: string | undefined): string | undefined {
    const login = this.#fields.checked(path, this.#fields.string(path, account["login"]), (word) =>
      signInNamed(word, user),
    );
    const secrets = ["passwordEnv", "passwordCommand", "passwordFile", "tokenEnv", "tokenCommand"] as const;
    const secret = secrets.find((key) => account[key] !== undefined);
    if (login !== undefined && secret !== undefined)
      throw this.#fields.wrong(path, `cannot be combined with ${secret}`);
    if (account["passwordFile"] !== undefined && account["passwordCommand"] !== undefined)
      throw this.#fields.wrong(
        path.replace(/login$/, "passwordFile"),
        "cannot be combined with passwordCommand: remove one",
      );
    return login;
  }

  /** Checks that names are unique, because the ledger identifies a mailbox by its name. */
  #checkNames(accounts: readonly ConfiguredAccount[]): void {
    const names = new Set<string>();
    for (const [index, { name, source }] of accounts.entries()) {
      const mailbox = name ?? mailboxOf(source.url);
      const path = `accounts[${String(index)}].${name === undefined ? "url" : "name"}`;
      if (names.has(mailbox))
        throw this.#fields.wrong(
          path,
          `must be unique: another account is also called ${printable(mailbox)}`,
        );
      names.add(mailbox);
    }
  }

  #checkUrl(path: JsonPath, url: string): void {
    if (passwordIn(url))
      throw this.#fields.wrong(
        path,
        "must not contain a password: use passwordEnv or passwordCommand instead",
      );
    try {
      if (optionsOf(url).auth !== undefined) return;
    } catch (error) {
      throw error instanceof UsageError ? this.#fields.wrong(path, `is wrong: ${error.message}`) : error;
    }
    throw this.#fields.wrong(path, "must name a user, as in pop3s://user@pop.example.com");
  }

  /** Checks a policy. Each key of an account's policy replaces the same key of the common policy. */
  #policy(path: JsonPath, value: unknown, common: FetchPolicy): FetchPolicy {
    if (value === undefined) return common;
    const policy = { ...common, ...(this.#fields.table(path, value) as FetchPolicy) };
    try {
      completePolicy(policy);
    } catch (error) {
      if (!Pop3Error.is(error)) throw error;
      // The error names the key itself.
      const [, key = ""] = /\bpolicy((?:\.\w+)*)/.exec(error.message) ?? [];
      throw this.#fields.at(`${path}${key}`, error.message);
    }
    return policy;
  }
}
