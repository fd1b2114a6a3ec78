// Message numbers are reliable only until DELE: no session of a run lists or retrieves after its first DELE.
import { expect, test } from "vitest";
import { Fetcher } from "./fetcher.ts";
import { mails, serverWith } from "../support/mail.ts";

test.each([1, 2, Infinity])("with %s messages per session", async (commitEvery) => {
  await using server = await serverWith(mails(5));
  const fetcher = new Fetcher(server, { policy: { delete: "delivered", commitEvery } });
  const report = await fetcher.run();
  expect([report.delivered, report.deleted]).toEqual([5, 5]);
  let marked = false;
  let sessions = 0;
  for (const line of server.transcript.lines) {
    if (line.startsWith("C: QUIT")) {
      marked = false;
      sessions++;
    }
    if (line.startsWith("C: DELE")) marked = true;
    if (/^C: (?:STAT|LIST|UIDL|RETR|TOP)/.test(line)) expect(marked, line).toBe(false);
  }
  expect(sessions).toBe(Math.ceil(5 / Math.min(5, commitEvery)));
});
