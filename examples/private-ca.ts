// Connects to a server whose certificate is signed by a private authority, or by itself. The certificate is verified
// nevertheless: never switch that off.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
// CA_FILE    the certificate of the authority, or the one of the server (PEM)
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { parseUrl, Pop3Client } from "popwright";
import { setting } from "./setting.ts";

const ca = await readFile(setting("CA_FILE"), "utf8");
// Without the usual certificates, only the private authority would be trusted.
const options = { ...parseUrl(setting("POP3_URL")), tls: { ca: [...rootCertificates, ca] } };

await Pop3Client.use(options, async (client) => {
  console.log(client.tlsInfo?.protocol, (await client.stat()).count, "messages");
});
