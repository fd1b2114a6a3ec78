// Prints the number of messages in Microsoft 365 mailboxes, as an application without a user who signs in:
// npx tsx examples/microsoft365-application.ts ann@example.com bob@example.com
import { Pop3Client, Pop3Error } from "popwright";
import { clientCredentials } from "popwright/oauth2";
import { setting } from "./setting.ts";

// The tenant's id or domain. `common` does not work for applications.
const tenant = setting("MICROSOFT_TENANT");

// One token is enough: it opens every mailbox to which the application has access.
const accessToken = clientCredentials({
  tokenUrl: setting("TOKEN_ENDPOINT", `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`),
  clientId: setting("MICROSOFT_CLIENT_ID"),
  clientSecret: setting("MICROSOFT_CLIENT_SECRET"),
  scope: "https://outlook.office365.com/.default",
});

/**
 * Returns the number of messages in a mailbox. In a loop, put `await using` into a function of its own, as here:
 * esbuild 0.28 (tsx) keeps the error of an earlier iteration.
 */
async function countMessages(mailbox: string): Promise<number> {
  await using client = await Pop3Client.connect({
    host: setting("POP3_HOST", "outlook.office365.com"),
    port: Number(setting("POP3_PORT", "995")),
    auth: { user: mailbox, accessToken },
  });
  const { count } = await client.stat();
  return count;
}

for (const mailbox of process.argv.slice(2)) {
  try {
    console.log(`${mailbox}: ${await countMessages(mailbox)} messages`);
  } catch (error) {
    if (!Pop3Error.is(error)) throw error;
    console.error(`${mailbox}: ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
