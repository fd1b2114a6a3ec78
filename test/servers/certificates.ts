// Certificates are made anew for every server: nothing secret lies in the repository and nothing in it expires.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** What a server and its clients need, all in the directory that was given. */
export interface Certificates {
  /** The authority's certificate (PEM), for `tls.ca`. */
  readonly ca: string;
  /** Path of the server's certificate (PEM). */
  readonly certificate: string;
  /** Path of the server's private key (PEM, readable by the caller only). */
  readonly key: string;
}

/** Every name under which a client on the same machine may reach a server. */
const loopbackNames: readonly string[] = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"];

/**
 * Makes an authority and a server certificate signed by it, both valid for two days, with keys on P-256 because
 * an RSA key takes up to half a second.
 *
 * @param directory Where the files are written.
 * @param names The server certificate's `subjectAltName` entries, as OpenSSL writes them (`DNS:`, `IP:`).
 */
export async function createCertificates(
  directory: string,
  names: readonly string[] = loopbackNames,
): Promise<Certificates> {
  const inDirectory = (name: string): string => join(directory, name);
  // A configuration of our own: that of the machine may add extensions, or be missing.
  await writeFile(
    inDirectory("openssl.cnf"),
    [
      "[req]",
      "distinguished_name = subject",
      "[subject]",
      "[authority]",
      "basicConstraints = critical, CA:TRUE",
      "keyUsage = critical, keyCertSign, cRLSign",
      "subjectKeyIdentifier = hash",
      "[server]",
      "basicConstraints = critical, CA:FALSE",
      "keyUsage = critical, digitalSignature",
      "extendedKeyUsage = serverAuth",
      "authorityKeyIdentifier = keyid",
      `subjectAltName = ${names.join(", ")}`,
      "",
    ].join("\n"),
  );
  await createCertificate(directory, "ca", "authority", "/CN=popwright test authority", []);
  await createCertificate(directory, "server", "server", "/CN=popwright test server", [
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
  ]);
  return {
    ca: await readFile(inDirectory("ca.pem"), "utf8"),
    certificate: inDirectory("server.pem"),
    key: inDirectory("server.key"),
  };
}

async function createCertificate(
  directory: string,
  name: string,
  extensions: string,
  subject: string,
  signer: readonly string[],
): Promise<void> {
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
  const request = ["req", "-x509", "-config", "openssl.cnf", "-days", "2", "-subj", subject];
  try {
    await promisify(execFile)(
      "openssl",
      [...request, ...newKey, "-extensions", extensions, ...signer, "-out", `${name}.pem`],
      { cwd: directory },
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new Error("OpenSSL is not installed: apt-get install openssl", { cause });
  }
}
