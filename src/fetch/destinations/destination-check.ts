// What a destination reports when it is asked whether it can take mail.

/** One step of a {@link DestinationCheck}. */
export interface DestinationCheckLine {
  /** What was checked, such as `sign-in`, `folder` or `quota`. */
  readonly name: string;
  /** Whether this step succeeded. */
  readonly ok: boolean;
  /** What was found: one line for people, without secrets, safe to print. */
  readonly text: string;
}

/** The result of the `check` of a destination. A step that fails is the last one; the others are not tried then. */
export interface DestinationCheck {
  /** The steps, in order. */
  readonly lines: readonly DestinationCheckLine[];
}
