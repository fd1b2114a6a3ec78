// Quirks of real servers before TLS: no secret is sent in clear text.
import { QUIRKS_TLS } from "./quirks-tls.ts";
import { STLS_REQUIRED } from "./row.ts";
import { runRows } from "./run-rows.ts";

runRows(QUIRKS_TLS, STLS_REQUIRED);
