// A separate program with sessions whose server disappears. It ends by itself, unless something keeps it
// alive.
import { Pop3Client, Pop3Error } from "../../src/index.ts";
import { reach, type ServerAddress } from "../servers/transport.ts";

const server = JSON.parse(process.env["POP3_SERVER"] ?? "") as ServerAddress;
const connect = (user: string): Promise<Pop3Client> =>
  Pop3Client.connect({ ...reach(server, "TLS port"), auth: { user, pass: "secret" } });

const idle = await connect("bea");
await idle.stat();
const greeted = await Pop3Client.connect(reach(server, "STLS"));
const busy = await connect("ann");
let ready = false;
const read = async (): Promise<void> => {
  for await (const _piece of busy.retrStream(1)) {
    if (!ready) process.stdout.write("ready\n");
    ready = true;
  }
};
const closed = [idle, greeted, busy].map(
  (client) =>
    new Promise<never>((_, reject) => {
      client.once("close", reject);
    }),
);
const calls = [read(), busy.retr(2), busy.noop(), busy.uidl(), busy.quit(), ...closed];
const codes = (await Promise.allSettled(calls)).map((outcome) =>
  outcome.status === "rejected" && Pop3Error.is(outcome.reason) ? outcome.reason.code : outcome.status,
);
process.stdout.write(JSON.stringify(codes));
