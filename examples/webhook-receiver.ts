// Receives the mail of the destination Webhook, each message once: WEBHOOK_SECRET=whsec_… npx tsx examples/webhook-receiver.ts
// Then: POPWRIGHT_WEBHOOK_SECRET=whsec_… popwright fetch … --to https://…, which a web server passes on to port 8080.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Pop3Error } from "popwright";
import { verifyWebhook } from "popwright/fetch";
import { setting } from "./setting.ts";

const secret = setting("WEBHOOK_SECRET");
/** A program that keeps mail stores the key together with the message, and looks for it there. */
const seen = new Set<string>();

/** Takes a message, and returns the status of the answer. */
async function receive(request: IncomingMessage): Promise<number> {
  try {
    const message = await buffer(request);
    const { id } = verifyWebhook(request.headers, message, secret);
    // 409 tells the sender that the message was delivered before.
    if (seen.has(id)) return 409;
    seen.add(id);
    console.log(`${id.slice(0, 8)} ${message.length} bytes`);
    return 204;
  } catch (error) {
    return Pop3Error.is(error) ? 401 : 500;
  }
}

const server = createServer((request, response) => {
  void receive(request).then((status) => response.writeHead(status).end());
});
server.listen(Number(setting("PORT", "8080")), "127.0.0.1", () => {
  console.log(`ready at port ${(server.address() as AddressInfo).port}`);
});
