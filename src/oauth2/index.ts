// The exports of "popwright/oauth2": access tokens for `auth.accessToken`, and for anything else that takes them.
export type * from "../index.ts";
export { clientCredentials, type ClientCredentialsOptions } from "./client-credentials.ts";
export type { AccessTokenSource } from "./keep-token.ts";
export { OAuth2Error, type OAuth2ErrorCode, type OAuth2ErrorDetails } from "./oauth2-error.ts";
export { refreshedToken, type RefreshedTokenOptions } from "./refreshed-token.ts";
export {
  requestToken,
  type TokenReply,
  type TokenRequestOptions,
  type TokenServerOptions,
} from "./request-token.ts";
