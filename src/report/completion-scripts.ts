/*
 * What each shell is told once. All three ask `treekeeper complete`, which answers `files`, or `words` and then a line for each
 * word: the word, a tab, a few words about it. A word that ends in one of `/:=` goes on, so no space follows it.
 */

/** bash breaks words at its COMP_WORDBREAKS, `:` and `=` among them, and wants only the part behind the last one. */
const bash = `# bash completion for treekeeper: source it, or put it where bash-completion looks
_treekeeper() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" answer line quoted
  COMPREPLY=()
  answer="$("\${1/#\\~/$HOME}" complete --line "\${COMP_LINE:0:COMP_POINT}" --breaks "$COMP_WORDBREAKS" 2>/dev/null)"
  if [[ $answer == files* ]]; then
    compopt -o filenames 2>/dev/null
    [[ $cur == = ]] && cur=
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
    return 0
  fi
  while IFS=$'\\t' read -r line _; do
    printf -v quoted %q "$line"
    COMPREPLY+=("$quoted")
  done < <(tail -n +2 <<<"$answer")
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[/:=] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _treekeeper treekeeper
`;

const zsh = `#compdef treekeeper
# zsh completion for treekeeper: as _treekeeper in a directory of fpath, or source it after compinit
_treekeeper() {
  local line text about
  local -a lines open closed open_about closed_about
  lines=("\${(@f)$("\${(Q)words[1]}" complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  if [[ $lines[1] == files ]]; then
    compset -P '--*='
    _files
    return
  fi
  for line in "\${(@)lines[2,-1]}"; do
    text=\${line%%$'\\t'*} about=\${line#*$'\\t'}
    if [[ $text == *[/:=] ]]; then
      open+=("$text") open_about+=("$text\${about:+  ($about)}")
    else
      closed+=("$text") closed_about+=("$text\${about:+  ($about)}")
    fi
  done
  (( $#open )) && compadd -l -S '' -d open_about -a open
  (( $#closed )) && compadd -l -d closed_about -a closed
}
if [[ $funcstack[1] == _treekeeper ]]; then _treekeeper "$@"; else compdef _treekeeper treekeeper; fi
`;

const fish = `# fish completion for treekeeper: put it into ~/.config/fish/completions/treekeeper.fish
function __treekeeper_complete
    set -l typed (commandline -opc)
    set -l last (commandline -ct)
    set -l answer (treekeeper complete -- $typed[2..-1] "$last" 2>/dev/null)
    test (count $answer) -gt 0; or return
    if test $answer[1] = files
        __fish_complete_path "$last"
    else if test (count $answer) -gt 1
        printf '%s\\n' $answer[2..-1]
    end
end
complete -c treekeeper -f -a '(__treekeeper_complete)'
`;

/** The completion script of each shell. */
export const completionScripts: { readonly [shell: string]: string } = { bash, zsh, fish };
