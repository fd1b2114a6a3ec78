import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { makeCertificate, Pop3Server, type CertificateOptions } from "../../src/testing/index.ts";

/** Connects under a name to a server with such a certificate; resolves to the code of the failure, or "trusted". */
async function trusting(servername: string, options: CertificateOptions): Promise<string> {
  const certificate = makeCertificate(options);
  await using server = await Pop3Server.listen({ tls: certificate });
  const outcome = await new Promise<string>((resolve) => {
    const socket = connect({ host: server.host, port: server.port, ca: certificate.cert, servername }, () => {
      socket.destroy();
      resolve("trusted");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
  return outcome;
}

describe("makeCertificate", () => {
  it("is trusted under its names only", async () => {
    expect(await trusting("localhost", {})).toBe("trusted");
    expect(await trusting("", {})).toBe("trusted"); // the address
    expect(await trusting("mail.example", {})).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await trusting("mail.example", { names: ["mail.example"] })).toBe("trusted");
    expect(await trusting("a.mail.example", { names: ["*.mail.example"] })).toBe("trusted");
    expect(await trusting("", { names: ["localhost"] })).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  it("is trusted only while it is valid", async () => {
    const day = 24 * 60 * 60 * 1000;
    const past = new Date(Date.now() - day);
    const future = new Date(Date.now() + day);
    expect(await trusting("localhost", { notBefore: new Date(0), notAfter: past })).toBe("CERT_HAS_EXPIRED");
    expect(await trusting("localhost", { notBefore: future })).toBe("CERT_NOT_YET_VALID");
  });

  it("is readable for other implementations", () => {
    const { cert, key } = makeCertificate({
      names: ["localhost", "10.1.2.3", "::", "::1", "fe80::1:2", "1:2:3:4:5:6:7:8", "2001:db8::"],
      notBefore: new Date("2049-12-31T23:59:59.999Z"),
      notAfter: new Date("2050-01-01T00:00:00Z"),
    });
    const read = new X509Certificate(cert);
    expect(read.subject).toBe("CN=popwright test server");
    expect(read.issuer).toBe(read.subject);
    expect(read.ca).toBe(false);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(read.subjectAltName).toBe(
      "DNS:localhost, IP Address:10.1.2.3, IP Address:0:0:0:0:0:0:0:0, IP Address:0:0:0:0:0:0:0:1, " +
        "IP Address:FE80:0:0:0:0:0:1:2, IP Address:1:2:3:4:5:6:7:8, IP Address:2001:DB8:0:0:0:0:0:0",
    );
    expect(read.checkIP("10.1.2.3")).toBe("10.1.2.3");
    expect([read.validFrom, read.validTo]).toEqual(["Dec 31 23:59:59 2049 GMT", "Jan  1 00:00:00 2050 GMT"]);
  });

  it("is valid for server and client, under its common name", () => {
    const read = new X509Certificate(makeCertificate({ commonName: "ann@example.com" }).cert);
    expect(read.subject).toBe("CN=ann@example.com");
    expect(read.issuer).toBe(read.subject);
    expect(read.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]); // serverAuth, clientAuth
  });

  it("makes a new key and a new serial number each time", () => {
    const [first, second] = [makeCertificate(), makeCertificate()];
    expect(first.key).not.toBe(second.key);
    expect(new X509Certificate(first.cert).serialNumber).not.toBe(
      new X509Certificate(second.cert).serialNumber,
    );
  });

  it("encodes lengths of one, two and three octets", () => {
    for (const count of [1, 20, 4000]) {
      const names = Array.from({ length: count }, (_, index) => `host-${String(index)}.example`);
      const read = new X509Certificate(makeCertificate({ names }).cert);
      expect(read.checkHost(names.at(-1) ?? "")).toBe(names.at(-1));
    }
  });
});
