// Prints the number of messages in a mailbox of Microsoft 365 or Outlook.com, as its user:
// npx tsx examples/microsoft365.ts (sign in first: oauth2-sign-in.ts microsoft)
import { Pop3Client, Pop3Error } from "popwright";
import { refreshedToken } from "popwright/oauth2";
import { refreshTokenIn } from "./refresh-token.ts";
import { setting } from "./setting.ts";

/** The tenant's id or domain; `common` is for users of any tenant and of Outlook.com. */
const tenant = setting("MICROSOFT_TENANT", "common");

const accessToken = refreshedToken({
  tokenUrl: setting("TOKEN_ENDPOINT", `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`),
  clientId: setting("MICROSOFT_CLIENT_ID"),
  scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access",
  ...refreshTokenIn(setting("REFRESH_TOKEN_FILE", "microsoft.token")),
});

try {
  // In a loop, put `await using` into a function of its own: esbuild 0.28 (tsx) keeps the error of an earlier
  // iteration.
  await using client = await Pop3Client.connect({
    host: setting("POP3_HOST", "outlook.office365.com"),
    port: Number(setting("POP3_PORT", "995")),
    // For a shared mailbox: its address here, and the token of a user who may open it.
    auth: { user: setting("MICROSOFT_USER"), accessToken },
  });
  const { count } = await client.stat();
  console.log(`${count} messages`);
} catch (error) {
  if (!Pop3Error.is(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
