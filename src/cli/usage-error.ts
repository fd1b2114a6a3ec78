// The errors for wrong input of the user. Each has its exit code.

/** The command line is wrong: exit code 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The configuration is wrong: exit code 78. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** The mailbox does not have the message: exit code 66. */
export class NoMessageError extends Error {
  override readonly name = "NoMessageError";
}

/** The user has not signed in, or with another account: exit code 77. */
export class SignInError extends Error {
  override readonly name = "SignInError";
}

/** The user pressed Ctrl+C at a prompt: exit code 130, and nothing is printed. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}
