// Keeps an access token until shortly before it expires, and makes one request at a time however many callers wait.
import type { OAuthRefusal } from "../errors.ts";
import { isAborted } from "../net/abort.ts";
import { untilAborted } from "../net/settle.ts";
import { CALL, checkCallOptions, type CallOptions } from "../options/call.ts";
import { OAuth2Error } from "./oauth2-error.ts";
import type { TokenReply } from "./request-token.ts";

/**
 * Returns an access token: give it as `auth.accessToken`.
 *
 * Without `refusal` it returns the token that is kept, if it has not nearly expired. With `refusal`, as popwright calls it
 * after a server has refused a token, it requests a new token; a token that was requested since then, and that no call
 * without `refusal` has got yet, counts as new.
 *
 * `options.signal` ends the wait of this call with `POP3_ABORTED`. The request itself continues to its end or its time
 * limit: it serves other calls, and its reply may have a new refresh token that must not be lost.
 */
export type AccessTokenSource = (refusal?: OAuthRefusal, options?: CallOptions) => Promise<string>;

interface Kept {
  readonly token: string;
  readonly isFresh: () => boolean;
  /** Whether a call without a refusal has got it. A refusal can be about this token only then. */
  inUse: boolean;
}

/** The default of `margin`, in milliseconds. */
export const MARGIN = 60_000;

/** Returns a source of tokens. `request` is called for each new token, never twice at the same time. */
export function keepToken(request: () => Promise<TokenReply>, margin: number): AccessTokenSource {
  let kept: Kept | undefined;
  let pending: Promise<Kept> | undefined;
  /** The server wants to be left alone: until then, calls fail with its error and nothing is sent. */
  let pause: { readonly error: OAuth2Error; readonly isOver: () => boolean } | undefined;

  const renew = async (): Promise<Kept> => {
    try {
      const { accessToken, expiresIn = 0 } = await request();
      const life = expiresIn * 1000;
      // A short life is not used up by the margin.
      kept = { token: accessToken, isFresh: until(life - Math.min(margin, life / 2)), inUse: false };
      return kept;
    } catch (error) {
      if (OAuth2Error.is(error) && error.temporary && error.retryAfter !== undefined) {
        const isEarlier = until(error.retryAfter);
        pause = { error, isOver: () => !isEarlier() };
      }
      throw error;
    }
  };

  const next = (): Promise<Kept> => {
    if (pending !== undefined) return pending;
    if (pause !== undefined && !pause.isOver()) return Promise.reject(pause.error);
    pause = undefined;
    pending = renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };

  return async (refusal, options) => {
    const { signal } = checkCallOptions(options, CALL);
    if (kept !== undefined && refusal !== undefined && kept.inUse) kept = undefined;
    const found =
      kept?.isFresh() === true && !isAborted(signal) ? kept : await untilAborted(signal, () => next());
    if (refusal === undefined) found.inUse = true;
    return found.token;
  };
}

/**
 * Returns a function that tells whether `milliseconds` have not passed yet. The monotonic clock may stop while the machine
 * sleeps, and the wall clock may be set back: the first one that says so counts.
 */
function until(milliseconds: number): () => boolean {
  const [start, wallStart] = [performance.now(), Date.now()];
  return () => performance.now() - start < milliseconds && Date.now() - wallStart < milliseconds;
}
