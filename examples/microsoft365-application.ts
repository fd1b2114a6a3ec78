// How many messages mailboxes of Microsoft 365 have, as an application, with nobody there to sign in:
// npx tsx examples/microsoft365-application.ts ann@example.com bob@example.com
import { Pop3Client, Pop3Error } from "popwright";
import { keepToken, requestGrant } from "./access-token.ts";
import { setting } from "./setting.ts";

const tenant = setting("MICROSOFT_TENANT"); // its id or domain: `common` has no applications
const endpoint = setting("TOKEN_ENDPOINT", `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`);

// The application's token opens every mailbox that it was given: one is enough for all of them.
const accessToken = keepToken(() =>
  requestGrant(endpoint, {
    grant_type: "client_credentials",
    client_id: setting("MICROSOFT_CLIENT_ID"),
    client_secret: setting("MICROSOFT_CLIENT_SECRET"),
    scope: "https://outlook.office365.com/.default",
  }),
);

for (const mailbox of process.argv.slice(2)) {
  try {
    await using client = await Pop3Client.connect({
      host: setting("POP3_HOST", "outlook.office365.com"),
      port: Number(setting("POP3_PORT", "995")),
      auth: { user: mailbox, accessToken },
    });
    const { count } = await client.stat();
    console.log(`${mailbox}: ${count} messages`);
  } catch (error) {
    if (!Pop3Error.is(error)) throw error;
    console.error(`${mailbox}: ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
