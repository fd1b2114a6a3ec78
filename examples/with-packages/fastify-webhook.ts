// Receives the mail of the destination Webhook with Fastify, and keeps each message once: `fastify-webhook.ts FOLDER`.
// Then: POPWRIGHT_WEBHOOK_SECRET=whsec_… popwright fetch … --to https://…, which a web server passes on to this port.
//
// WEBHOOK_SECRET   what signs the requests; during a rotation both secrets, separated by a space
// PORT             default: 8080
import { createHash } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import fastify from "fastify";
import { Pop3Error } from "popwright";
import { verifyWebhook } from "popwright/fetch";
import { setting } from "../setting.ts";

const folder = process.argv[2] ?? "mail";
const secrets = setting("WEBHOOK_SECRET").split(" ");
await mkdir(folder, { recursive: true });

/** Stores a message before the sender is told so: it may delete its copy then. Returns whether the message was new. */
async function store(id: string, message: Buffer): Promise<boolean> {
  // The sender chooses the id. Its hash is a safe name for a file.
  const path = join(folder, `${createHash("sha256").update(id).digest("hex")}.eml`);
  const part = `${path}.${process.hrtime.bigint()}.part`;
  try {
    await using file = await open(part, "wx");
    await file.writeFile(message);
    await file.sync();
    await link(part, path); // fails if the file exists
    // Makes the name durable. Leave this out on Windows, which cannot do it.
    await using directory = await open(folder);
    await directory.sync();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(part, { force: true });
  }
}

// The largest message that Webhook sends by default.
const server = fastify({ logger: true, bodyLimit: 64 * 1024 * 1024 });
// The signature is over the bytes as they came: nothing may parse them before.
server.removeAllContentTypeParsers();
server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

server.post("/", async (request, reply) => {
  const message = request.body as Buffer;
  try {
    const { id } = verifyWebhook(request.headers, message, secrets);
    // 409 tells the sender that the message was delivered before.
    return await reply.code((await store(id, message)) ? 204 : 409).send();
  } catch (error) {
    if (!Pop3Error.is(error) || error.code !== "POP3_WEBHOOK") throw error; // Fastify answers 500: the sender tries again
    return reply.code(401).send({ error: "the signature is wrong" });
  }
});

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
await server.listen({ host: "127.0.0.1", port: Number(setting("PORT", "8080")) });
