// The commands are few and fixed, so the scripts hold them.
#include "completion.h"

namespace nuncio::tool {

namespace {

    constexpr const char* bash
        = R"script(# bash completion for nuncio-plugin: source <(nuncio-plugin completion bash)
_nuncio_plugin() {
    local current=${COMP_WORDS[COMP_CWORD]} options=
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "new build check completion --help --version" -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
        new) options="--in --help" ;;
        build) options="--output --sdk --verbose --help" ;;
        check) options="--torture --plugins --options --help" ;;
        completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$current")) && return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        compopt -o filenames 2> /dev/null
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -F _nuncio_plugin nuncio-plugin
)script";

    constexpr const char* zsh = R"script(#compdef nuncio-plugin
# zsh completion for nuncio-plugin: save as _nuncio-plugin in a folder of $fpath
_nuncio_plugin() {
    if (( CURRENT == 2 )); then
        compadd -- new build check completion --help --version
        return
    fi
    case $words[2] in
        new) _arguments '--in[the folder to make it in]:folder:_files -/' '--help[how to use it]' ':name:' ;;
        build) _arguments '--output[the file to make]:file:_files' '--sdk[where the SDK is]:folder:_files -/' \
            '--verbose[show the command]' '--help[how to use it]' '*:source:_files -g "*.(cc|cpp|cxx)"' ;;
        check) _arguments '--torture[rounds]:rounds:' '--plugins[a folder with what it requires]:folder:_files -/' \
            '--options[a file with its options]:file:_files' \
            '--help[how to use it]' '*:plugin:_files -g "*.so"' ;;
        completion) compadd bash zsh fish ;;
    esac
}
if [ "$funcstack[1]" = "_nuncio_plugin" ]; then
    _nuncio_plugin "$@"
else
    compdef _nuncio_plugin nuncio-plugin
fi
)script";

    constexpr const char* fish
        = R"script(# fish completion for nuncio-plugin: nuncio-plugin completion fish | source
complete -c nuncio-plugin -n __fish_use_subcommand -f -a 'new' -d 'make a plugin to start from'
complete -c nuncio-plugin -n __fish_use_subcommand -f -a 'build' -d 'build a plugin from sources'
complete -c nuncio-plugin -n __fish_use_subcommand -f -a 'check' -d 'check the file of a plugin'
complete -c nuncio-plugin -n __fish_use_subcommand -f -a 'completion' -d 'print a completion script'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from new' -l in -r -d 'the folder to make it in'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from build' -l output -r -d 'the file to make'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from build' -l sdk -r -d 'where the SDK is'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from build' -l verbose -d 'show the command'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from check' -l torture -x -d 'rounds'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from check' -l plugins -r -d 'a folder with what it requires'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from check' -l options -r -d 'a file with its options'
complete -c nuncio-plugin -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
)script";

}

std::string completion_script(const std::string& shell)
{
    return shell == "bash" ? bash : shell == "zsh" ? zsh : shell == "fish" ? fish : "";
}

}
