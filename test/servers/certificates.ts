// Each server gets new certificates, so the repository contains no secret and no file that expires.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./tool.ts";

/** What a server and its clients need, all in the directory that was given. */
export interface Certificates {
  /** The authority's certificate (PEM), for `tls.ca`. */
  readonly ca: string;
  /** Path of the same. */
  readonly caFile: string;
  /** Path of the server's certificate (PEM). */
  readonly certificate: string;
  /** Path of the server's private key (PEM, readable by the caller only). */
  readonly key: string;
}

/** What a client shows of itself: options of `tls.connect`. */
export interface ClientCertificate {
  /** The certificate (PEM). */
  readonly cert: string;
  /** Its private key (PEM). */
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
      "[client]",
      "basicConstraints = critical, CA:FALSE",
      "keyUsage = critical, digitalSignature",
      "extendedKeyUsage = clientAuth",
      "authorityKeyIdentifier = keyid",
      "",
    ].join("\n"),
  );
  await createCertificate(directory, "ca", "authority", "popwright test authority", []);
  await createCertificate(directory, "server", "server", "popwright test server", signedByAuthority);
  return {
    ca: await readFile(inDirectory("ca.pem"), "utf8"),
    caFile: inDirectory("ca.pem"),
    certificate: inDirectory("server.pem"),
    key: inDirectory("server.key"),
  };
}

/**
 * Makes a certificate by which a client shows that it is `user`, the `commonName`, signed by the authority that
 * `createCertificates` made in the same directory.
 */
export async function createClientCertificate(directory: string, user: string): Promise<ClientCertificate> {
  // A user's name may hold anything.
  const name = `client-${Buffer.from(user).toString("hex")}`;
  await createCertificate(directory, name, "client", user, signedByAuthority);
  const inDirectory = (extension: string): string => join(directory, name + extension);
  return {
    cert: await readFile(inDirectory(".pem"), "utf8"),
    key: await readFile(inDirectory(".key"), "utf8"),
  };
}

const signedByAuthority: readonly string[] = ["-CA", "ca.pem", "-CAkey", "ca.key"];

async function createCertificate(
  directory: string,
  name: string,
  extensions: string,
  commonName: string,
  signer: readonly string[],
): Promise<void> {
  const subject = `/CN=${commonName.replace(/[\\/+=]/g, "\\$&")}`;
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
  const request = ["req", "-x509", "-config", "openssl.cnf", "-utf8", "-days", "2", "-subj", subject];
  await run(["openssl", ...request, ...newKey, "-extensions", extensions, ...signer, "-out", `${name}.pem`], {
    cwd: directory,
  });
}
