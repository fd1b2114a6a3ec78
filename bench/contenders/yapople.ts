// yapople: promises, one command at a time, messages as Buffers. It does not support UIDL.
import { HOST, PASS, SERVER_NAME, type Contender } from "./contender.ts";
import { peer } from "./peer.ts";

interface Yapople {
  connect(): Promise<unknown>;
  stat(): Promise<unknown>;
  retr(message: number): Promise<Buffer>;
  list(): Promise<Record<string, number>>;
  quit(callback: (error: Error | null) => void): void;
}

export const yapople: Contender = {
  name: "yapople",
  async open({ port, ca, mailbox }) {
    const { Client } = await peer<{ Client: new (options: Record<string, unknown>) => Yapople }>("yapople");
    const client = new Client({
      host: HOST,
      port,
      username: mailbox,
      password: PASS,
      ...(ca !== undefined && { tls: true, options: { ca, servername: SERVER_NAME } }),
    });
    await client.connect();
    return {
      async prepare() {
        await client.stat();
      },
      async retrieve(count, take) {
        for (let number = 1; number <= count; number++) take(await client.retr(number));
      },
      list: () => client.list(),
      quit: () =>
        new Promise((resolve) => {
          client.quit(() => {
            resolve();
          });
        }),
    };
  },
};
