// Logs a session with pino. Each line has the field `session`, so the lines of one session can be found among others.
// No line has a secret or a part of a message.
//
// POP3_URL    pop3s://user:password@host; percent-encode special characters
// LOG_LEVEL   debug logs each command and each reply; default: info
import { pino } from "pino";
import { parseUrl, Pop3Client } from "popwright";
import { setting } from "../setting.ts";

const log = pino({ level: setting("LOG_LEVEL", "info") });
const options = {
  ...parseUrl(setting("POP3_URL")),
  // A child gives all lines of this client a field of your own.
  logger: log.child({ job: "count" }),
  logUser: false,
};

try {
  await Pop3Client.use(options, async (client) => {
    const { count, size } = await client.stat();
    log.info({ session: client.id, count, size }, "mailbox");
  });
} catch (err) {
  // The error has `code` and `session`, and pino writes both.
  log.error({ err }, "failed");
  process.exitCode = 1;
}
