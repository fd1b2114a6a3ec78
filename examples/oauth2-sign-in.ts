// Signs a user in with the browser, once, and saves the refresh token in a file. It uses the authorization
// code flow of a desktop application (RFC 8252) with PKCE (RFC 7636): npx tsx examples/oauth2-sign-in.ts
// google|microsoft
// For one mailbox, `popwright login` does the same and more. This is for programs that sign their users in.
import { createHash, randomBytes } from "node:crypto";
import { on, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { requestToken } from "popwright/oauth2";
import { saveRefreshToken } from "./refresh-token.ts";
import { setting } from "./setting.ts";

const tenant = setting("MICROSOFT_TENANT", "common");
const providers = {
  google: {
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    token: "https://oauth2.googleapis.com/token",
    // Google requires a client secret even from a desktop application, which cannot keep it secret.
    client: () => ({
      clientId: setting("GOOGLE_CLIENT_ID"),
      clientSecret: setting("GOOGLE_CLIENT_SECRET"),
    }),
    scope: "https://mail.google.com/",
  },
  microsoft: {
    authorize: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/authorize`,
    token: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
    client: () => ({ clientId: setting("MICROSOFT_CLIENT_ID") }),
    scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access",
  },
};

const name = process.argv[2];
if (name !== "google" && name !== "microsoft") throw new Error("the argument must be google or microsoft");
const provider = providers[name];
const client = provider.client();
const file = setting("REFRESH_TOKEN_FILE", `${name}.token`);

// The provider redirects the browser to this address, with a code that works only together with the verifier.
const server = createServer().listen(0, "localhost");
await once(server, "listening");
const redirect_uri = `http://localhost:${(server.address() as AddressInfo).port}`;
const code_verifier = randomBytes(32).toString("base64url");
const state = randomBytes(16).toString("base64url");

const url = new URL(setting("AUTHORIZE_ENDPOINT", provider.authorize));
for (const [parameter, value] of Object.entries({
  response_type: "code",
  client_id: client.clientId,
  redirect_uri,
  scope: provider.scope,
  state,
  code_challenge: createHash("sha256").update(code_verifier).digest("base64url"),
  code_challenge_method: "S256",
})) {
  url.searchParams.set(parameter, value);
}
console.log(`Open this address in a browser and sign in:\n\n${url.href}\n`);

const code = await comeBack();
const { refreshToken } = await requestToken({
  tokenUrl: setting("TOKEN_ENDPOINT", provider.token),
  ...client,
  grant: { grant_type: "authorization_code", code, redirect_uri, code_verifier },
});
if (refreshToken === undefined) throw new Error(`${name} did not send a refresh token`);
await saveRefreshToken(file, refreshToken);
console.log(`The refresh token is in ${file}. Protect it like a password.`);

/** Waits for the browser and returns the code. Answers other requests, such as one for an icon, with 404. */
async function comeBack(): Promise<string> {
  const requests = on(server, "request") as AsyncIterable<[IncomingMessage, ServerResponse]>;
  for await (const [request, response] of requests) {
    const answer = new URL(request.url ?? "/", redirect_uri).searchParams;
    response.setHeader("connection", "close");
    if (answer.get("state") !== state) {
      response.writeHead(404).end();
      continue;
    }
    response.end("You can close this page.");
    server.close();
    const given = answer.get("code");
    if (given === null) throw new Error(`not signed in: ${answer.get("error")}`);
    return given;
  }
  throw new Error("the browser did not come back with a code");
}
