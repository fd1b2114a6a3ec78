// One of the providers of the example: a POP3 server with mailboxes that get mail all the time.
import { Pop3Server } from "popwright/testing";
import { moreUsersOf, PASSWORD, PROVIDERS, usersOf } from "./demo-accounts.ts";

const number = Number(process.env["PROVIDER"]);
const provider = PROVIDERS[number] as (typeof PROVIDERS)[number];
const port = Number(process.env["POP3_PORT"]);

const users = [...usersOf(provider), ...moreUsersOf(provider)];
const server = await Pop3Server.listen({
  host: provider.host,
  port,
  latency: provider.latency,
  users: Object.fromEntries(users.map((user) => [user, { pass: PASSWORD }])),
});

let count = 0;
const SUBJECTS = [
  "Lunch on Friday?",
  "Invoice",
  "Photos from the lake",
  "Your parcel is on its way",
  "Minutes of the meeting",
];

function receive(): void {
  const user = users[Math.floor(Math.random() * users.length)] as string;
  const subject = `${SUBJECTS[count % SUBJECTS.length] as string} (${String(++count)})`;
  const head = [
    `Message-ID: <${String(count)}.${String(Date.now())}@${provider.domain}>`,
    `Date: ${new Date().toUTCString()}`,
    "From: Pat <pat@example.com>",
    `To: ${user}`,
    `Subject: ${subject}`,
  ];
  server
    .maildrop(user)
    .add(`${head.join("\r\n")}\r\n\r\n${"Hello.\r\n".repeat(1 + Math.floor(Math.random() * 400))}`);
}

const timer = setInterval(receive, 400);
for (let at = 0; at < 20; at++) receive();

process.once("SIGTERM", () => {
  clearInterval(timer);
  void server.close().then(() => process.exit());
});
process.once("disconnect", () => process.exit());
process.on("SIGINT", () => undefined);
process.send?.("ready");
