// Before, during and within TLS: the client believes nothing in clear text, sends no secret, and never goes
// back.
import { BEFORE_TLS } from "./before-tls.ts";
import { STLS_REQUIRED } from "./row.ts";
import { runRows } from "./run-rows.ts";
import { WAYS_IN } from "./ways-in.ts";
import { WITHIN_TLS } from "./within-tls.ts";

runRows([...BEFORE_TLS, ...WITHIN_TLS, ...WAYS_IN], STLS_REQUIRED);
