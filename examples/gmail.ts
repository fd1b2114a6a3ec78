// Prints the number of messages in a Gmail mailbox, with OAuth2: npx tsx examples/gmail.ts
// (sign in first: oauth2-sign-in.ts google)
import { Pop3Client, Pop3Error } from "popwright";
import { refreshedToken } from "popwright/oauth2";
import { refreshTokenIn } from "./refresh-token.ts";
import { setting } from "./setting.ts";

const accessToken = refreshedToken({
  tokenUrl: setting("TOKEN_ENDPOINT", "https://oauth2.googleapis.com/token"),
  clientId: setting("GOOGLE_CLIENT_ID"),
  clientSecret: setting("GOOGLE_CLIENT_SECRET"),
  ...refreshTokenIn(setting("REFRESH_TOKEN_FILE", "google.token")),
});

try {
  // In a loop, put `await using` into a function of its own: esbuild 0.28 (tsx) keeps the error of an earlier
  // iteration.
  await using client = await Pop3Client.connect({
    host: setting("POP3_HOST", "pop.gmail.com"),
    port: Number(setting("POP3_PORT", "995")),
    auth: { user: setting("GMAIL_USER"), accessToken },
  });
  // If POP is switched off in the settings, Gmail accepts the login but refuses this command.
  const { count } = await client.stat();
  console.log(`${count} messages`);
} catch (error) {
  if (!Pop3Error.is(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
