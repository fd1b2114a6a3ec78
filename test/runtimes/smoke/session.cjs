// What the README shows, in one program: sessions with the embedded server, over TLS and by STLS.
"use strict";
const { Writable } = require("node:stream");
const { pipeline } = require("node:stream/promises");

const MESSAGES = ["one", "two", "three"].map((word) => `Subject: ${word}\r\n\r\n.${word}\r\n`);

/** Takes what `require` or `import` gave of the three entries. Throws where anything is not as it was sent. */
module.exports = async function session({ Pop3Client, Pop3Error }, { Pop3Server }, { parseMessage }) {
  const said = [];
  for (const how of ["tls", "stls"]) {
    const server = await Pop3Server.listen({
      [how]: true,
      users: { ann: { pass: "secret", messages: MESSAGES } },
    });
    const to = { host: server.host, port: server.port, secure: how === "tls", tls: { ca: server.ca } };
    const auth = { user: "ann", pass: "secret" };

    const client = await Pop3Client.connect({ ...to, auth });
    const saved = [];
    for await (const message of client.retrieve()) {
      const octets = await message.buffer();
      if (octets.toString() !== MESSAGES[message.number - 1]) throw new Error(`got ${octets}`);
      if (message.uid === undefined) throw new Error("no unique-id");
      saved.push(message.number);
    }
    const streamed = [];
    const file = new Writable({
      write(octets, _, done) {
        streamed.push(octets);
        done();
      },
    });
    await pipeline(client.retrStream(2), file);
    if (Buffer.concat(streamed).toString() !== MESSAGES[1]) throw new Error(`streamed ${streamed}`);
    const { subject } = await parseMessage(await client.retr(3));
    await client.dele(saved);
    await client.quit();

    const again = await Pop3Client.connect({ ...to, auth });
    const { count } = await again.stat();
    await again[Symbol.asyncDispose]();

    const failure = await Pop3Client.connect({ ...to, auth: { ...auth, pass: "wrong" } }).then(
      () => undefined,
      (error) => error,
    );
    if (!Pop3Error.is(failure)) throw new Error("a wrong password is none", { cause: failure });
    said.push(`${how}: ${saved.length} saved, ${subject}, then ${count}, ${failure.code}`);
    await server.close();
  }
  console.log(said.join("\n"));
};
