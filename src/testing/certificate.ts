// Makes the server's certificate at run time, so that no private key is in a repository and no certificate
// expires.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { checkObject } from "../options/checks.ts";
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
import { checkOptions, isDate, isListOf, isString, isText, type Checks } from "./option-checks.ts";

/** A self-signed certificate and its private key, both as PEM. */
export interface Certificate {
  /** The private key (PKCS #8), P-256. */
  readonly key: string;
  /** The certificate. A peer that must trust it takes it as `ca`. */
  readonly cert: string;
}

/** The options of {@link makeCertificate}. */
export interface CertificateOptions {
  /**
   * The host names and IP addresses for which the certificate is valid.
   * @default ["localhost", "127.0.0.1", "::1"]
   */
  readonly names?: readonly string[];
  /**
   * The common name of the subject. In a client's certificate: the name of the user.
   * @default "popwright test server"
   */
  readonly commonName?: string;
  /** @default one day ago */
  readonly notBefore?: Date;
  /** @default in 365 days */
  readonly notAfter?: Date;
}

const CHECKS: Checks<CertificateOptions> = {
  names: isListOf(isText),
  commonName: isString,
  notBefore: isDate,
  notAfter: isDate,
};

const DAY = 24 * 60 * 60 * 1000; // milliseconds
const ECDSA_WITH_SHA256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const SERVER_AUTH = objectIdentifier("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH = objectIdentifier("1.3.6.1.5.5.7.3.2");

/**
 * Makes a certificate (X.509 v3, RFC 5280) for {@link Pop3Server}, for any other TLS server, or for a TLS
 * client. Each call makes a new key. To test failures, use names to which the client does not connect, or a
 * `notAfter` in the past. Throws `POP3_CONFIG` for an unknown option or a wrong value.
 *
 * @example
 * ```ts
 * const { key, cert } = makeCertificate({ names: ["other.example.com"] });
 * const server = await Pop3Server.listen({ tls: { key, cert } });
 * ```
 */
export function makeCertificate(options: CertificateOptions = {}): Certificate {
  checkObject("the options of makeCertificate", options);
  checkOptions("certificate", options, CHECKS);
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
        // Not a CA: some TLS libraries do not accept a CA certificate as a server's certificate.
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
