// node-pop3: promises, one command at a time, messages as strings.
import type { Readable } from "node:stream";
import { HOST, PASS, SERVER_NAME, type Contender } from "./contender.ts";
import { peer } from "./peer.ts";

interface NodePop3 {
  _connect(): Promise<string>;
  STAT(): Promise<string>;
  RETR(message: number): Promise<string>;
  UIDL(): Promise<string[][]>;
  LIST(): Promise<string[][]>;
  QUIT(): Promise<string>;
  command(verb: string, message: number): Promise<[string, Readable]>;
}
type NodePop3Class = new (options: Record<string, unknown>) => NodePop3;

export const nodePop3: Contender = {
  name: "node-pop3",
  async open({ port, ca, mailbox }) {
    const Pop3 = await peer<NodePop3Class>("node-pop3");
    const pop3 = new Pop3({
      user: mailbox,
      password: PASS,
      host: HOST,
      port,
      ...(ca !== undefined && { tls: true, servername: SERVER_NAME, tlsOptions: { ca } }),
    });
    await pop3._connect();
    return {
      async prepare() {
        await pop3.STAT();
      },
      async retrieve(count, take) {
        for (let number = 1; number <= count; number++) take(await pop3.RETR(number));
      },
      async stream(take) {
        const [, stream] = await pop3.command("RETR", 1);
        for await (const octets of stream) if (!take(octets as Buffer)) return;
      },
      uidl: () => pop3.UIDL(),
      list: () => pop3.LIST(),
      async quit() {
        await pop3.QUIT();
      },
    };
  },
};
