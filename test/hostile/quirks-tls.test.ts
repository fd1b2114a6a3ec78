// Quirks of real servers on the way to TLS: no secret goes out in clear.
import { QUIRKS_TLS } from "./quirks-tls.ts";
import { STLS_REQUIRED } from "./row.ts";
import { runRows } from "./run-rows.ts";

runRows(QUIRKS_TLS, STLS_REQUIRED);
