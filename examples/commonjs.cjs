// @ts-check
// Lists the subjects of a mailbox, as a CommonJS program: `node commonjs.cjs`. In a clone of this repository, run
// `npm run build` first.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
const { Pop3Client, Pop3Error } = require("popwright");
const { parseHeaders } = require("popwright/parse");

const { POP3_URL: url } = process.env;
if (!url) throw new Error("the environment variable POP3_URL must be set");

// CommonJS has no `await` outside of functions.
Pop3Client.use(url, async (client) => {
  for await (const message of client.retrieve({ top: 0 })) {
    const headers = await parseHeaders(await message.buffer());
    console.log(message.number, headers.get("subject") ?? "(no subject)");
  }
}).catch((error) => {
  console.error(Pop3Error.is(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
