// Makes the server's certificate when it is needed: no private key lies in a repository, and nothing in it expires.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import {
  bitString,
  der,
  objectIdentifier,
  octetString,
  positiveInteger,
  sequence,
  setOf,
  time,
  TRUE,
  utf8String,
} from "./der.ts";

/** A certificate that signs itself, and its key, both as PEM. */
export interface Certificate {
  /** The private key (PKCS #8), P-256. */
  readonly key: string;
  /** The certificate. Give it as `ca` to whoever shall trust it. */
  readonly cert: string;
}

export interface CertificateOptions {
  /**
   * Host names and IP addresses that it is valid for.
   * @default ["localhost", "127.0.0.1", "::1"]
   */
  readonly names?: readonly string[];
  /**
   * The common name of the subject: for a client's certificate the name of the user.
   * @default "popwright test server"
   */
  readonly commonName?: string;
  /** @default a day ago */
  readonly notBefore?: Date;
  /** @default in a year */
  readonly notAfter?: Date;
}

const DAY = 24 * 60 * 60 * 1000; // milliseconds
const ECDSA_WITH_SHA256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const SERVER_AUTH = objectIdentifier("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH = objectIdentifier("1.3.6.1.5.5.7.3.2");

/**
 * Makes a certificate (X.509 v3, RFC 5280) for {@link Pop3Server}, for any other server on TLS, or for a client of
 * one. Each call makes a new key. To test failures, give names that the client does not connect to, or a time that is over.
 */
export function makeCertificate(options: CertificateOptions = {}): Certificate {
  const {
    names = ["localhost", "127.0.0.1", "::1"],
    commonName = "popwright test server",
    notBefore = new Date(Date.now() - DAY),
    notAfter = new Date(Date.now() + 365 * DAY),
  } = options;
  const subject = sequence(setOf(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName))));
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const toBeSigned = sequence(
    der(0xa0, positiveInteger(Buffer.from([2]))), // version 3
    positiveInteger(randomBytes(16)),
    ECDSA_WITH_SHA256,
    subject, // the issuer
    sequence(time(notBefore), time(notAfter)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        // No authority: a certificate that is one may not serve as a server's with every TLS library.
        extension("2.5.29.19", sequence(), "critical"), // basicConstraints
        extension("2.5.29.15", bitString(Buffer.from([0x80]), 7), "critical"), // keyUsage: digitalSignature
        extension("2.5.29.37", sequence(SERVER_AUTH, CLIENT_AUTH)), // extKeyUsage
        extension("2.5.29.17", sequence(...names.map(generalName))), // subjectAltName
      ),
    ),
  );
  const certificate = sequence(
    toBeSigned,
    ECDSA_WITH_SHA256,
    bitString(sign("sha256", toBeSigned, privateKey)),
  );
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: pem(certificate),
  };
}

function extension(id: string, value: Buffer, critical?: "critical"): Buffer {
  const flag = critical === undefined ? [] : [TRUE];
  return sequence(objectIdentifier(id), ...flag, octetString(value));
}

/** RFC 5280 section 4.2.1.6: iPAddress is tag 7, dNSName is tag 2. */
function generalName(name: string): Buffer {
  return isIP(name) === 0 ? der(0x82, Buffer.from(name, "latin1")) : der(0x87, addressOctets(name));
}

function addressOctets(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
