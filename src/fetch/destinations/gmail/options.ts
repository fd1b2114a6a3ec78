// The options of GmailImport, and their checks before anything is sent.
import { hostFrom, isLoopback } from "../../../net/authority.ts";
import type { AccessToken } from "../../../options/auth.ts";
import {
  checkBoolean,
  checkDuration,
  checkFunction,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkText,
  configError,
  shown,
} from "../../../options/checks.ts";
import type { Duration } from "../../../options/duration.ts";

/** The options of a {@link GmailImport}. */
export interface GmailImportOptions {
  /**
   * Returns an OAuth2 access token: `refreshedToken` of `popwright/oauth2`, or a function of your own. It is called for
   * each message, and once more if Gmail refuses the token, with what Gmail said. The scope `gmail.insert` is necessary,
   * `gmail.labels` if labels are named, and `openid email`, so that the token tells whose it is. With `gmail.readonly` or
   * `gmail.modify` messages are also looked up by their Message-ID.
   */
  readonly accessToken: Exclude<AccessToken, string>;
  /**
   * A directory for the addresses of uploads, so that it is known after a crash whether Gmail has accepted a message. The
   * addresses are secrets, and its files are readable for their owner only.
   * @default not kept: after a crash, a message without a Message-ID may be imported twice
   */
  readonly state?: string;
  /**
   * `"import"` scans and classifies a message like one that has arrived. `"insert"` stores it as it is: messages without a
   * From field, which an import refuses, are taken; nothing is recognised by its Message-ID.
   * @default "import"
   */
  readonly method?: "import" | "insert";
  /**
   * The names of the labels. Labels that do not exist are created. Without `"INBOX"` a message is archived, without
   * `"UNREAD"` it counts as read.
   * @default ["INBOX", "UNREAD"]
   */
  readonly labels?: readonly string[];
  /** Whether an import never puts a message into Spam. @default false */
  readonly neverMarkSpam?: boolean;
  /** What Gmail sorts by: the Date field of a message, or the time of its import. @default "dateHeader" */
  readonly internalDateSource?: "dateHeader" | "receivedTime";
  /** Whether an import puts invitations into the calendar. @default false */
  readonly processForCalendar?: boolean;
  /**
   * The largest message; bytes. It is held in memory, and a larger one is refused.
   * @default 157286400 (150 MiB, which is also Gmail's limit)
   */
  readonly limit?: number;
  /** How long Gmail may take for one request; for a part of a message, for each MiB. A number is in milliseconds. @default 60000 */
  readonly timeout?: Duration;
  /** The address of the API, for tests: `https:`, or `http:` at 127.0.0.1, [::1] and localhost. @default that of Google */
  readonly api?: string | URL;
}

const NAMES: Readonly<Record<keyof GmailImportOptions, true>> = {
  accessToken: true,
  state: true,
  method: true,
  labels: true,
  neverMarkSpam: true,
  internalDateSource: true,
  processForCalendar: true,
  limit: true,
  timeout: true,
  api: true,
};

/** The options with their defaults. */
export type CompleteOptions = Required<Omit<GmailImportOptions, "state" | "timeout" | "api">> & {
  /** In milliseconds. */
  readonly timeout: number;
  readonly state: string | undefined;
  /** The addresses of the API, and of the user's identity. */
  readonly api: { readonly gmail: URL; readonly userinfo: URL };
};

/** Returns the options with their defaults. Throws `POP3_CONFIG` if one is invalid. */
export function completeOptions(options: GmailImportOptions): CompleteOptions {
  checkObject("gmail", options);
  checkNames("gmail", options, Object.keys(NAMES));
  const { accessToken, state, method = "import", labels = ["INBOX", "UNREAD"] } = options;
  const { neverMarkSpam = false, internalDateSource = "dateHeader", processForCalendar = false } = options;
  const flags = { neverMarkSpam, processForCalendar };
  const { limit = 150 * 1024 * 1024, timeout: patience = 60_000 } = options;
  if ((accessToken as unknown) === undefined)
    throw configError("gmail.accessToken is missing: it must be a function that returns an access token");
  checkFunction("gmail.accessToken", accessToken);
  if (state !== undefined) checkText("gmail.state", state);
  checkOneOf("gmail.method", method, ["import", "insert"]);
  checkOneOf("gmail.internalDateSource", internalDateSource, ["dateHeader", "receivedTime"]);
  checkLabels(labels);
  for (const name of ["neverMarkSpam", "processForCalendar"] as const) {
    checkBoolean(`gmail.${name}`, flags[name]);
    if (flags[name] && method === "insert")
      throw configError(
        `gmail.${name} must be false if gmail.method is "insert": it is for imports (got true)`,
      );
  }
  checkNumber("gmail.limit", limit);
  const timeout = checkDuration("gmail.timeout", patience, "ms");
  if (timeout === 0) throw configError("gmail.timeout must be greater than 0 (got 0)");
  return {
    accessToken,
    state,
    method,
    labels: [...labels],
    neverMarkSpam,
    internalDateSource,
    processForCalendar,
    limit,
    timeout,
    api: apiAt(options.api),
  };
}

/** Throws `POP3_CONFIG` if the address is not one. */
export function checkAddress(address: unknown): asserts address is string {
  if (typeof address === "string" && /^[^\s@]+@[^\s@]+$/.test(address)) return;
  const got = typeof address === "string" ? "another string" : shown(address);
  throw configError(`the address of GmailImport must look like ann@gmail.com (got ${got})`);
}

function checkLabels(labels: unknown): void {
  if (!Array.isArray(labels))
    throw configError(`gmail.labels must be an array of names (got ${shown(labels)})`);
  for (const name of labels) checkText("each of gmail.labels", name);
}

/** The value is not shown: an address may contain a secret. */
function apiAt(api: unknown): CompleteOptions["api"] {
  if (api === undefined)
    return {
      gmail: new URL("https://gmail.googleapis.com/"),
      userinfo: new URL("https://openidconnect.googleapis.com/v1/userinfo"),
    };
  const given: unknown = api instanceof URL ? api.href : api;
  const url = typeof given === "string" && URL.canParse(given) ? new URL(given) : undefined;
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(hostFrom(url.hostname)));
  if (url === undefined || !isSafe || url.username !== "" || url.password !== "")
    throw configError(
      "gmail.api must be an https: URL without a user name (http: is for 127.0.0.1, [::1] and localhost)",
    );
  return { gmail: new URL("/", url), userinfo: new URL("/v1/userinfo", url) };
}
