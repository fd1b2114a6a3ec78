// One certificate for all servers of a process.
import { makeCertificate, type Certificate } from "../../src/testing/index.ts";

export const certificate: Certificate = makeCertificate();
/** What a client needs to trust it. */
export const tls: { readonly ca: string } = { ca: certificate.cert };
