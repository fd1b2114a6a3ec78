// `popwright login`: signs in at Google or Microsoft, and stores the refresh token for the other commands.
import type { Io } from "../io.ts";
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { hostFrom, isLoopback } from "../../net/authority.ts";
import { printable } from "../../protocol/printable.ts";
import { shellWord, writeLines } from "../text.ts";
import { SignInError, UsageError } from "../usage-error.ts";
import { positionals, quoted, wordsOf } from "../usage.ts";
import { signInByBrowser } from "./browser-flow.ts";
import { clientFrom } from "./client.ts";
import { signInByDevice } from "./device-flow.ts";
import { checkIdentity } from "./identity.ts";
import {
  pathOfSignIn,
  prepareSignIn,
  readSignIn,
  whileLocked,
  writeSignIn,
  type SignInName,
} from "./sign-in-file.ts";
import { endpointsAt, providerNamed, purposeNamed, type SignInProvider } from "./sign-in-provider.ts";
import type { Granted, SignInRequest } from "./sign-in-request.ts";

const OPTIONS = {
  "client-id": { type: "string" },
  "client-secret-file": { type: "string" },
  for: { type: "string" },
  device: { type: "boolean" },
  "no-browser": { type: "boolean" },
  tenant: { type: "string" },
  authority: { type: "string" },
} as const;

type Values = ReturnType<typeof wordsOf<typeof OPTIONS>>["values"];

export const login: Subcommand = {
  name: "login",
  summary: "signs in at Google or Microsoft (OAuth2), for --login of the other commands",
  options: OPTIONS,
  help: {
    usage: [
      "popwright login google ADDRESS --client-id ID [options]",
      "popwright login microsoft ADDRESS --client-id ID [--device] [options]",
    ],
    sections: [
      {
        text: [
          'Signs in with the browser, checks that the account is ADDRESS, and stores the refresh token in a file that only you can read. "--login google" or "--login microsoft" of the other commands, and "login" in the configuration file, use it from then on. It prints no token.',
        ],
        rows: [
          [
            "--client-id ID",
            "the client (application) that you have registered at the provider; or set POPWRIGHT_CLIENT_ID. docs/authentication.md describes the steps",
          ],
          [
            "--client-secret-file FILE",
            "a file with the secret of the client, or the JSON file that the Google Cloud console gives: it has the id as well. Or set POPWRIGHT_CLIENT_SECRET. Google requires the secret",
          ],
          ["--for PURPOSE", "what the sign-in is for: mail (the default), imap or gmail-api"],
          ["--no-browser", "prints the address and opens no browser"],
          [
            "--device",
            "signs in on another device (Microsoft). Google has no device flow for mail: use --no-browser there",
          ],
          [
            "--tenant TENANT",
            "the id or domain of the organisation (Microsoft), if the client is for that one only",
          ],
          ["--authority URL", "another server with the same paths"],
        ],
      },
      {
        title: "PURPOSE",
        text: ["Each has the scopes that it needs, and a sign-in of its own:"],
        rows: [
          ["mail", "POP, and at Google IMAP: https://mail.google.com/ or POP.AccessAsUser.All"],
          ["imap", "IMAP at Microsoft: IMAP.AccessAsUser.All"],
          ["gmail-api", "the destination gmail:ADDRESS: gmail.insert and gmail.labels"],
        ],
      },
      {
        title: "Notes",
        text: [
          "To sign in again, run the command once more: it still knows the client. To sign out, delete the file.",
          'Google: while the consent screen of your client is in "Testing", a sign-in ends after seven days. Publish it, then sign in again. Accounts in the Advanced Protection Program cannot sign in ("policy_enforced"), and app passwords are not available to them either: an administrator of Google Workspace can allow your client.',
        ],
      },
      exitCodes(
        ["0", "signed in"],
        ["64", "usage"],
        ["69", "the provider cannot be reached"],
        ["75", "try again later"],
        ["77", "not signed in"],
        ["78", "a file cannot be used"],
      ),
      examples(
        "popwright login google ann@gmail.com --client-secret-file client_secret.json",
        "popwright check pop3s://ann%40gmail.com@pop.gmail.com --login google",
        "popwright login google ann@gmail.com --for gmail-api --client-secret-file client_secret.json",
        "popwright login microsoft ann@example.com --client-id ... --device",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [providerName = "", address = ""] = positionals(words, ["PROVIDER", "ADDRESS"]);
    const provider = providerNamed(providerName);
    if (!/^[^\s@]+@[^\s@]+$/.test(address))
      throw new UsageError(`ADDRESS must be a mail address (got ${quoted(address)})`);
    const purpose = purposeNamed(provider, values.for ?? "mail");
    const name: SignInName = { provider: provider.name, purpose, address };
    const path = pathOfSignIn(name, io.env);
    const last = await whileLocked(path, (ours) => readSignIn(path, ours)).catch(() => undefined);
    const tenant = values.tenant ?? last?.tenant;
    const authority = checkAuthority(values.authority ?? last?.authority);
    const client = await clientFrom(values, io, last);
    const scope = provider.scopes[purpose] ?? "";
    const request: SignInRequest = {
      provider,
      endpoints: endpointsAt(provider, tenant ?? "common", authority),
      client,
      scope: `${scope} ${provider.identity}`,
      address,
    };
    checkFlow(values, request, io);
    await prepareSignIn(path);
    if (provider.before !== "") await writeLines(io.stderr, provider.before);
    const granted = await signIn(values, request, io);
    const refreshToken = checkGrant(granted, request, scope);
    await whileLocked(path, () =>
      writeSignIn(path, {
        ...name,
        tokenUrl: request.endpoints.token,
        ...client,
        scope: provider.refreshWithScope ? scope : undefined,
        refreshToken,
        tenant,
        authority,
      }),
    );
    await writeLines(
      io.stderr,
      `${printable(address)} has signed in. The refresh token is in ${printable(path)}, which only you can read.`,
    );
    await writeLines(io.stderr, { command: `Next: ${nextStep(provider, name)}` });
    await writeLines(io.stderr, provider.after);
    return EXIT.ok;
  },
};

/** Throws {@link UsageError} if the flow that was asked for is not possible. */
function checkFlow(values: Values, { provider, endpoints, client }: SignInRequest, io: Io): void {
  if (values.device === true && endpoints.device === undefined)
    throw new UsageError(
      `${provider.title}'s device flow has no scopes for mail: use --no-browser, and open the address in any browser`,
    );
  if (values.device === true && values["no-browser"] === true)
    throw new UsageError("--device and --no-browser cannot be combined: remove one");
  if (provider.name === "google" && client.clientSecret === undefined)
    throw new UsageError(
      "Google requires the secret of the client: set POPWRIGHT_CLIENT_SECRET, or give its file with --client-secret-file",
    );
  const isWatched = io.stdin.isTTY === true || io.stderr.columns !== undefined;
  if (!isWatched && values.device !== true && values["no-browser"] !== true)
    throw new UsageError(
      "a person must sign in, and there is no terminal here. Run the command in a terminal, or with --no-browser, which prints the address and waits",
    );
}

function signIn(values: Values, request: SignInRequest, io: Io): Promise<Granted> {
  const { device } = request.endpoints;
  return values.device === true && device !== undefined
    ? signInByDevice(device, request, io)
    : signInByBrowser(request, io, { noBrowser: values["no-browser"] === true });
}

/** Returns the refresh token. Throws {@link SignInError} if the grant is not what the other commands need. */
function checkGrant({ reply, nonce }: Granted, { client, address }: SignInRequest, scope: string): string {
  checkIdentity(reply.idToken, { address, clientId: client.clientId, nonce });
  const granted = reply.scope?.split(" ");
  const missing = scope
    .split(" ")
    .filter((each) => each !== "offline_access" && granted?.includes(each) === false);
  if (missing.length > 0)
    throw new SignInError(
      `the access that popwright needs was not allowed (${missing.join(" ")}). Nothing was stored. Run the command again, and tick every box in the browser`,
    );
  if (reply.refreshToken === undefined)
    throw new SignInError("the provider sent no refresh token. Nothing was stored. Run the command again");
  return reply.refreshToken;
}

function nextStep({ name, server }: SignInProvider, { purpose, address }: SignInName): string {
  if (purpose === "gmail-api") return `popwright check --to ${shellWord(`gmail:${address}`)}`;
  const user = encodeURIComponent(address);
  if (purpose === "imap")
    return `popwright check --to ${shellWord(`imaps://${user}@${server}/INBOX`)} --to-login ${name}`;
  return `popwright check ${shellWord(`pop3s://${user}@${server}`)} --login ${name}`;
}

/** Throws {@link UsageError} if tokens would be sent without TLS. */
function checkAuthority(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  // `http://localhost:x@example.com` is a URL of example.com.
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(hostFrom(url.hostname)));
  if (isSafe && url.username === "" && url.password === "") return given;
  throw new UsageError(`--authority must be a URL that begins with https:// (got ${quoted(given)})`);
}
