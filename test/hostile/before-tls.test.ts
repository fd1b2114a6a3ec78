// Before TLS, while it begins and within it: nothing is believed, nothing is said, and there is no way back to clear.
import { BEFORE_TLS } from "./before-tls.ts";
import { STLS_REQUIRED } from "./row.ts";
import { runRows } from "./run-rows.ts";
import { WAYS_IN } from "./ways-in.ts";
import { WITHIN_TLS } from "./within-tls.ts";

runRows([...BEFORE_TLS, ...WITHIN_TLS, ...WAYS_IN], STLS_REQUIRED);
