// npm's "kerberos" must be compiled, which not every machine can do. CI must have it; elsewhere its cells say
// that it is missing.

// A name of its own, for its types are not there either.
const PACKAGE = "kerberos";

/** Whether GSSAPI can be tried here. */
export const hasKerberos: boolean = await import(PACKAGE).then(
  () => true,
  (cause: unknown) => {
    if (process.env["CI"] === undefined) return false;
    throw new Error(`${PACKAGE} is not installed: bash .ci/servers && npm ci`, { cause });
  },
);
