// Connects through a proxy, which resolves the name of the mail server.
//
// POP3_URL    pop3s://user:password@host; percent-encode special characters
// PROXY_URL   http://user:password@proxy:3128; for socks5:// install the package "socks"
import { parseUrl, Pop3Client } from "popwright";
import { setting } from "./setting.ts";

// TLS is between this program and the mail server: the proxy cannot read the session.
const options = { ...parseUrl(setting("POP3_URL")), proxy: setting("PROXY_URL") };

await Pop3Client.use(options, async (client) => {
  console.log((await client.stat()).count, "messages");
});
