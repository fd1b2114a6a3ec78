// Signs a user in with the browser: the authorization code flow of desktop applications (RFC 8252) with PKCE (RFC 7636).
import { createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { Pop3AbortError } from "../../index.ts";
import { onAbort } from "../../net/abort.ts";
import { requestToken } from "../../oauth2/index.ts";
import { printable } from "../../protocol/printable.ts";
import { keepSecret, type Io } from "../io.ts";
import { writeLines } from "../text.ts";
import { SignInError } from "../usage-error.ts";
import { openBrowser } from "./browser.ts";
import { RedirectServer, type RedirectAnswer } from "./redirect-server.ts";
import type { Granted, SignInRequest } from "./sign-in-request.ts";

/** How long the user has for the sign-in, in milliseconds. */
const PATIENCE = 15 * 60_000;

/** Signs the user in. `noBrowser`: only prints the address, for another program or machine to open. */
export async function signInByBrowser(
  request: SignInRequest,
  io: Io,
  { noBrowser }: { readonly noBrowser: boolean },
): Promise<Granted> {
  const { provider, client, endpoints } = request;
  await using redirect = await RedirectServer.listen(provider.redirectHost);
  const verifier = randomBytes(32).toString("base64url");
  const nonce = randomBytes(16).toString("base64url");
  const url = new URL(endpoints.authorize);
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: redirect.uri,
    scope: request.scope,
    state: redirect.state,
    nonce,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    // The page proposes this account.
    login_hint: request.address,
    ...provider.parameters,
  }))
    url.searchParams.set(name, value);
  await show(url.href, noBrowser, request, io);
  const code = codeIn(await answerOf(redirect, io));
  keepSecret(code, io);
  const reply = await requestToken({
    tokenUrl: endpoints.token,
    ...client,
    grant: {
      grant_type: "authorization_code",
      code,
      code_verifier: verifier,
      redirect_uri: redirect.uri,
    },
    signal: io.stop,
  });
  return { reply, nonce };
}

async function show(url: string, noBrowser: boolean, request: SignInRequest, io: Io): Promise<void> {
  const who = `${printable(request.address)} at ${request.provider.title}`;
  const elsewhere =
    io.stdin.isTTY === true
      ? " If the browser runs on another machine, it cannot show its last page: copy the address of that page from the browser, and paste it here."
      : "";
  if (noBrowser) {
    await writeLines(io.stderr, `To sign in as ${who}, open this address in a browser.${elsewhere}`);
    await io.stdout.write(`${url}\n`);
    return;
  }
  const isOpen = await openBrowser(url, io);
  await writeLines(
    io.stderr,
    isOpen
      ? `The browser opens to sign in as ${who}. If it does not, open this address:${elsewhere}`
      : `No browser can be started here. To sign in as ${who}, open this address:${elsewhere}`,
  );
  await io.stderr.write(`${url}\n`);
}

/** Waits for the browser, or for an address that the user pastes. */
async function answerOf(redirect: RedirectServer, { stdin, stop }: Io): Promise<RedirectAnswer> {
  const lines = stdin.isTTY === true ? createInterface({ input: stdin }) : undefined;
  lines?.on("line", (line) => redirect.take(line));
  let timer: NodeJS.Timeout | undefined;
  let unsubscribe = (): void => undefined;
  const end = new Promise<never>((_resolve, reject) => {
    unsubscribe = onAbort(stop, () => {
      reject(new Pop3AbortError(stop.reason));
    });
    timer = setTimeout(() => {
      const minutes = PATIENCE / 60_000;
      reject(
        new SignInError(`the sign-in was not finished within ${minutes} minutes. Run the command again`),
      );
    }, PATIENCE);
  });
  try {
    return await Promise.race([redirect.answer, end]);
  } finally {
    clearTimeout(timer);
    unsubscribe();
    lines?.close();
  }
}

function codeIn({ code, error, error_description: description = "" }: RedirectAnswer): string {
  if (code !== undefined && error === undefined) return code;
  if (error === "access_denied")
    throw new SignInError(
      "the sign-in was cancelled, or the access was not allowed in the browser. Nothing was stored",
    );
  const words = [error ?? "no code", description].filter((word) => word !== "").join(": ");
  throw new SignInError(`the provider refused the sign-in: ${printable(words)}. Nothing was stored`);
}
