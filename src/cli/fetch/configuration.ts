// Reads and checks the configuration file of `fetch`. An error names the file, the line and the key.
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Pop3Error } from "../../index.ts";
import { completePolicy } from "../../fetch/plan/policy.ts";
import { Webhook, type FetchPolicy } from "../../fetch/index.ts";
import { nearest, suggestion } from "../../options/checks.ts";
import { printable } from "../../protocol/printable.ts";
import {
  checkMechanism,
  checkProxy,
  mailboxOf,
  optionsOf,
  PASSWORD,
  passwordIn,
  PROXY,
  TOKEN,
  type AccountSource,
} from "../account.ts";
import { wordsOfCommand } from "./command-words.ts";
import { PLACES, WEBHOOK_SECRET, type DeliveryPlace, type WebhookPlace } from "./delivery-place.ts";
import { signInNamed } from "../login/stored-sign-in.ts";
import { JsonSyntaxError, parseJsonLines, type JsonDocument, type JsonPath } from "../json-lines.ts";
import { ConfigurationError, UsageError } from "../usage.ts";

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
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigurationError(`cannot read ${printable(path)}: ${printable((error as Error).message)}`);
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

type Table = Readonly<Record<string, unknown>>;

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
  "tokenEnv",
  "tokenCommand",
  "login",
] as const;

const WEBHOOK: readonly (keyof WebhookPlace)[] = ["url", "secretEnv", "format", "allowPrivate"];

/** Keys that users try first, in lower case, and what to do instead. `fetch` has other options of these names. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ...["password", "pass"].map(
    (key) => [key, ": use passwordEnv or passwordCommand, so that the file contains no secret"] as const,
  ),
  ...["token", "accesstoken"].map(
    (key) => [key, ": use login, tokenEnv or tokenCommand, so that the file contains no secret"] as const,
  ),
  ...["host", "port", "user", "username", "server"].map(
    (key) => [key, ": it is a part of url, as in pop3s://user@pop.example.com"] as const,
  ),
  ...["maildir", "eml", "mbox", "command", "webhook", "destination"].map(
    (key) => [key, ': did you mean to? As in "to": { "maildir": "Mail" }'] as const,
  ),
  ...["delete", "maxSize", "firstRun", "order", "limits", "keepDays"].map(
    (key) => [key.toLowerCase(), ": it is a part of policy"] as const,
  ),
]);

/** The most characters of an unknown key that an error shows. */
const LONGEST_KEY = 80;

class Checker {
  readonly #file: string;
  readonly #document: JsonDocument;

  constructor(file: string, document: JsonDocument) {
    this.#file = file;
    this.#document = document;
  }

  configuration(): Configuration {
    const top = this.#table("", this.#document.value, TOP);
    const base = dirname(resolve(this.#file));
    const to = top["to"] === undefined ? undefined : this.#place("to", top["to"]);
    const policy = this.#policy("policy", top["policy"], {});
    const { accounts } = top;
    if (!Array.isArray(accounts) || accounts.length === 0)
      throw this.#wrong("accounts", "must be a non-empty list of accounts");
    const checked = accounts.map((account, index) =>
      this.#account(`accounts[${String(index)}]`, account, to, policy),
    );
    this.#checkNames(checked);
    return {
      state: this.#string("state", top["state"]) ?? "state",
      maxSessions: this.#count("maxSessions", top["maxSessions"]),
      maxPerHost: this.#count("maxPerHost", top["maxPerHost"]),
      accounts: checked,
      secrets: new Set([
        PASSWORD,
        TOKEN,
        PROXY,
        WEBHOOK_SECRET,
        ...checked.flatMap(({ source: { password, token }, to: { webhook } }) =>
          [password.variable, token.variable, webhook?.secretEnv].filter((name) => name !== undefined),
        ),
      ]),
      pathOf: (path) => resolve(base, path),
    };
  }

  #account(
    path: JsonPath,
    value: unknown,
    to: DeliveryPlace | undefined,
    policy: FetchPolicy,
  ): ConfiguredAccount {
    const account = this.#table(path, value, ACCOUNT);
    const text = (name: (typeof ACCOUNT)[number]): string | undefined =>
      this.#string(`${path}.${name}`, account[name]);
    const url = text("url");
    if (url === undefined) throw this.#wrong(`${path}.url`, "is missing");
    this.#checkUrl(`${path}.url`, url);
    const place = account["to"] === undefined ? to : this.#place(`${path}.to`, account["to"]);
    if (place === undefined)
      throw this.#wrong(`${path}.to`, "is missing: set it here, or at the top level for all accounts");
    return {
      name: text("name"),
      source: {
        url,
        password: {
          variable: text("passwordEnv") ?? "POPWRIGHT_PASSWORD",
          command: this.#command(`${path}.passwordCommand`, account["passwordCommand"]),
        },
        token: {
          variable: text("tokenEnv"),
          command: this.#command(`${path}.tokenCommand`, account["tokenCommand"]),
        },
        login: this.#login(`${path}.login`, account, optionsOf(url).auth?.user),
        ca: text("ca"),
        mechanism: this.#checked(`${path}.mechanism`, text("mechanism"), checkMechanism),
        proxy: this.#checked(`${path}.proxy`, text("proxy"), checkProxy),
      },
      to: place,
      policy: this.#policy(`${path}.policy`, account["policy"], policy),
    };
  }

  #login(path: JsonPath, account: Table, user: string | undefined): string | undefined {
    const login = this.#checked(path, this.#string(path, account["login"]), (word) =>
      signInNamed(word, user),
    );
    const secret = (["passwordEnv", "passwordCommand", "tokenEnv", "tokenCommand"] as const).find(
      (key) => account[key] !== undefined,
    );
    if (login !== undefined && secret !== undefined)
      throw this.#wrong(path, `cannot be combined with ${secret}`);
    return login;
  }

  /** Checks that names are unique, because the ledger identifies a mailbox by its name. */
  #checkNames(accounts: readonly ConfiguredAccount[]): void {
    const names = new Set<string>();
    for (const [index, { name, source }] of accounts.entries()) {
      const mailbox = name ?? mailboxOf(source.url);
      const path = `accounts[${String(index)}].${name === undefined ? "url" : "name"}`;
      if (names.has(mailbox))
        throw this.#wrong(path, `must be unique: another account is also called ${printable(mailbox)}`);
      names.add(mailbox);
    }
  }

  #checked(path: JsonPath, text: string | undefined, check: (text: string) => void): string | undefined {
    if (text === undefined) return undefined;
    try {
      check(text);
    } catch (error) {
      throw error instanceof UsageError ? this.#wrong(path, `is wrong: ${error.message}`) : error;
    }
    return text;
  }

  #checkUrl(path: JsonPath, url: string): void {
    if (passwordIn(url))
      throw this.#wrong(path, "must not contain a password: use passwordEnv or passwordCommand instead");
    try {
      if (optionsOf(url).auth !== undefined) return;
    } catch (error) {
      throw error instanceof UsageError ? this.#wrong(path, `is wrong: ${error.message}`) : error;
    }
    throw this.#wrong(path, "must name a user, as in pop3s://user@pop.example.com");
  }

  /** Checks a policy. Each key of an account's policy replaces the same key of the common policy. */
  #policy(path: JsonPath, value: unknown, common: FetchPolicy): FetchPolicy {
    if (value === undefined) return common;
    const policy = { ...common, ...(this.#table(path, value) as FetchPolicy) };
    try {
      completePolicy(policy);
    } catch (error) {
      if (!Pop3Error.is(error)) throw error;
      // The error names the key itself.
      const [, key = ""] = /\bpolicy((?:\.\w+)*)/.exec(error.message) ?? [];
      throw this.#at(`${path}${key}`, error.message);
    }
    return policy;
  }

  #place(path: JsonPath, value: unknown): DeliveryPlace {
    const place = this.#table(path, value, PLACES);
    const [name, ...more] = Object.keys(place);
    if (name === undefined || more.length > 0)
      throw this.#wrong(path, `must have exactly one of the keys ${PLACES.join(", ")}`);
    if (name === "command") {
      return { command: this.#command(`${path}.command`, place["command"]) ?? [] };
    }
    if (name === "webhook") return { webhook: this.#webhook(`${path}.${name}`, place["webhook"]) };
    return { [name]: this.#string(`${path}.${name}`, place[name]) };
  }

  #webhook(path: JsonPath, value: unknown): WebhookPlace {
    const given = typeof value === "string" ? { url: value } : this.#table(path, value, WEBHOOK);
    const { url, format, allowPrivate } = given as Partial<WebhookPlace>;
    try {
      // It connects only when it delivers.
      new Webhook(url ?? "", {
        ...(format === undefined ? {} : { format }),
        ...(allowPrivate === undefined ? {} : { allowPrivate }),
      });
    } catch (error) {
      throw Pop3Error.is(error) ? this.#wrong(path, `is wrong: ${error.message}`) : error;
    }
    return {
      url: url ?? "",
      format,
      allowPrivate,
      secretEnv: this.#string(`${path}.secretEnv`, given["secretEnv"]),
    };
  }

  #command(path: JsonPath, value: unknown): readonly string[] | undefined {
    if (value === undefined) return undefined;
    if (typeof value === "string" && value.trim() !== "") return this.#words(path, value);
    const strings =
      Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string");
    if (strings) return value;
    throw this.#wrong(path, "must be a command: a non-empty string or list of strings");
  }

  #words(path: JsonPath, line: string): readonly string[] {
    try {
      return wordsOfCommand(line);
    } catch (error) {
      throw error instanceof UsageError ? this.#wrong(path, `is wrong: ${error.message}`) : error;
    }
  }

  #table(path: JsonPath, value: unknown, names?: readonly string[]): Table {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#wrong(path, "must be an object");
    if (names !== undefined) this.#checkKeys(path, value, names);
    return value as Table;
  }

  #checkKeys(path: JsonPath, value: object, names: readonly string[]): void {
    const full = (key: string): string => (path === "" ? key : `${path}.${key}`);
    for (const key of Object.keys(value)) {
      if (names.includes(key)) continue;
      const foreign = nearest(key, names) === undefined ? FOREIGN.get(key.toLowerCase()) : undefined;
      const hint = foreign ?? suggestion(key, names, (each) => each);
      throw this.#at(full(key), `${printable(full(key)).slice(0, LONGEST_KEY)} is unknown${printable(hint)}`);
    }
  }

  #string(path: JsonPath, value: unknown): string | undefined {
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    throw this.#wrong(path, "must be a non-empty string");
  }

  #count(path: JsonPath, value: unknown): number | undefined {
    if (value === undefined || (Number.isInteger(value) && (value as number) > 0)) return value as undefined;
    throw this.#wrong(path, `must be a whole number >= 1 (got ${printable(JSON.stringify(value))})`);
  }

  #wrong(path: JsonPath, message: string): ConfigurationError {
    return this.#at(path, `${path || "the configuration"} ${message}`);
  }

  #at(path: JsonPath, message: string): ConfigurationError {
    return new ConfigurationError(
      `${printable(this.#file)}:${String(this.#document.lineOf(path))}: ${message}`,
    );
  }
}
