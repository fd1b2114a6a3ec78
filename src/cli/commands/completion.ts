// `popwright completion`: prints the script that completes commands and options in bash and zsh.
import type { Subcommand } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { examples } from "../help.ts";
import { UsageError } from "../usage-error.ts";
import { positionals, quoted, wordsOf } from "../usage.ts";

/** The values of options, as far as they can be listed. */
const VALUES: Readonly<Record<string, string>> = {
  delete: "never delivered",
  "first-run": "all none",
  for: "mail imap gmail-api",
  format: "maildir eml mbox webhook",
  login: "google microsoft",
  mechanism: "PLAIN LOGIN USER APOP CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER",
  "to-login": "google microsoft",
};

/** Makes the command. `commands`: all commands, itself included. */
export function completionOf(commands: () => readonly Subcommand[]): Subcommand {
  return {
    name: "completion",
    summary: "prints the script that completes commands and options in a shell",
    options: {},
    help: {
      usage: ["popwright completion bash", "popwright completion zsh"],
      sections: [
        {
          text: [
            "Prints a script for the shell: commands, options and their values are completed with the tab key.",
          ],
        },
        examples(
          "popwright completion bash > ~/.local/share/bash-completion/completions/popwright",
          "popwright completion zsh > ~/.zfunc/_popwright",
        ),
      ],
    },
    async run(args, io) {
      const { positionals: words } = wordsOf(args, {});
      const [shell = ""] = positionals(words, ["SHELL"]);
      if (shell !== "bash" && shell !== "zsh")
        throw new UsageError(`there is no completion for ${quoted(shell)}: SHELL must be bash or zsh`);
      await io.stdout.write(shell === "bash" ? bashScript(commands()) : zshScript(commands()));
      return EXIT.ok;
    },
  };
}

function optionsOf({ options }: Subcommand): string {
  return [...Object.keys(options), "help"].map((name) => `--${name}`).join(" ");
}

function bashScript(commands: readonly Subcommand[]): string {
  const values = Object.entries(VALUES).map(
    ([name, words]) => `    --${name}) COMPREPLY=($(compgen -W "${words}" -- "$word")); return ;;`,
  );
  const options = commands.map((command) => `    ${command.name}) words="${optionsOf(command)}" ;;`);
  return `# bash completion of popwright
_popwright() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} help version" -- "$word"))
    return
  fi
  case "$before" in
${values.join("\n")}
  esac
  case "\${COMP_WORDS[1]}" in
${options.join("\n")}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _popwright popwright
`;
}

function zshScript(commands: readonly Subcommand[]): string {
  const names = commands.map(({ name, summary }) => `    '${name}:${summary.replaceAll("'", "'\\''")}'`);
  const options = commands.map((command) => `    ${command.name}) compadd -- ${optionsOf(command)} ;;`);
  const values = Object.entries(VALUES).map(
    ([name, words]) => `    --${name}) compadd -- ${words}; return ;;`,
  );
  return `#compdef popwright
_popwright() {
  local -a commands
  commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "\${words[CURRENT-1]}" in
${values.join("\n")}
  esac
  if [[ "\${words[CURRENT]}" != -* ]]; then
    _files
    return
  fi
  case "\${words[2]}" in
${options.join("\n")}
  esac
}
_popwright "$@"
`;
}
