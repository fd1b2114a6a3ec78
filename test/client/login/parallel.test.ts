// Many logins at once: SCRAM's work leaves the event loop and threads of Node to others.
import * as dns from "node:dns/promises";
import { expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { Pop3Server } from "../../../src/testing/index.ts";
import { auth, to } from "../../support/ann.ts";

test("four logins of 100,000 iterations succeed, and a name is resolved before the last of them", async () => {
  const names = ["ann", "bob", "cay", "dan"];
  const order: string[] = [];
  let challenges = 0;
  let asked: () => void = () => undefined;
  const allAsked = new Promise<void>((resolve) => (asked = resolve));
  await using server = await Pop3Server.listen({
    users: Object.fromEntries(names.map((name) => [name, { pass: auth.pass }])),
    sasl: ["SCRAM-SHA-256"],
    user: false,
    apop: false,
    scram: {
      iterations: 100_000,
      serverFirst: (message) => {
        if (++challenges === names.length) asked();
        return message;
      },
    },
  });
  const logins = names.map(async (user) => {
    const client = await Pop3Client.connect(to(server, { stls: "never", auth: { ...auth, user } }));
    order.push(user);
    return client;
  });
  // All logins have what they need to calculate. The last of them calculates after the others.
  await allAsked;
  const lookup = dns.lookup("localhost").then(() => order.push("localhost"));
  const clients = await Promise.all(logins);
  await lookup;
  expect(clients.map(({ state }) => state)).toEqual(names.map(() => "transaction"));
  expect(order.slice(0, -1)).toContain("localhost");
  for (const client of clients) client.close();
});
