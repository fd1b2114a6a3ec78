/** smoke */
import { expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { ScriptedServer } from "./scripted-server.ts";
import { maildropScript, messageOf } from "./maildrop-script.ts";
import { guardEachTest } from "./sentry.ts";
guardEachTest();
it.each(["plain","stls","tls"] as const)("works %s", async (p) => {
  await using server = await ScriptedServer.listen(maildropScript(), p);
  const client = await Pop3Client.connect(server.options());
  expect((await client.retr(3)).toString()).toBe(messageOf(3));
  const seen = [];
  for await (const m of client.retrieve()) seen.push((await m.buffer()).toString());
  expect(seen.length).toBe(10);
  await client.quit();
});
