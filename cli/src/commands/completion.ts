import { Argument, type Command, type Option } from "commander";

/** Every command's words, as the shell needs them: the path of the command, then what may follow it. */
interface Entry {
  path: string[];
  words: string[];
}

export function completionCommand(program: Command): void {
  program
    .command("completion")
    .description("print the completion script for a shell: source <(convirt completion bash)")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh"]))
    .action((shell: "bash" | "zsh") => {
      process.stdout.write(shell === "bash" ? bashScript(entriesOf(program)) : zshScript(entriesOf(program)));
    });
}

function entriesOf(command: Command, path: string[] = []): Entry[] {
  const words = [
    ...command.commands.map((sub) => sub.name()),
    ...command.options.flatMap((option: Option) => option.long ?? []),
    "--help",
  ];
  return [{ path, words }, ...command.commands.flatMap((sub) => entriesOf(sub, [...path, sub.name()]))];
}

/** The words come from this program alone and hold nothing that a shell reads as more than a word. */
function cases(entries: readonly Entry[]): string {
  return entries.map((entry) => `    "${entry.path.join(" ")}") words="${entry.words.join(" ")}" ;;`).join("\n");
}

function bashScript(entries: readonly Entry[]): string {
  return `# bash completion for convirt; made by: convirt completion bash
_convirt() {
  local current=\${COMP_WORDS[COMP_CWORD]} path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      -*) ;;
      *) path=\${path:+$path }$word ;;
    esac
  done
  while :; do
    case $path in
${cases(entries)}
    esac
    if [ -n "$words" ] || [ -z "$path" ]; then break; fi
    case $path in
      *" "*) path=\${path% *} ;;
      *) path="" ;;
    esac
  done
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _convirt convirt
`;
}

function zshScript(entries: readonly Entry[]): string {
  return `#compdef convirt
# zsh completion for convirt; made by: convirt completion zsh
# zsh ties \`path\` to PATH and \`words\` to the line: neither name is free here.
_convirt() {
  local said="" word found=""
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case $word in
      -*) ;;
      *) said=\${said:+$said }$word ;;
    esac
  done
  while :; do
    case $said in
${cases(entries).replaceAll("words=", "found=")}
    esac
    if [[ -n $found || -z $said ]]; then break; fi
    case $said in
      *" "*) said=\${said% *} ;;
      *) said="" ;;
    esac
  done
  compadd -- \${=found} || _files
}
compdef _convirt convirt
`;
}
