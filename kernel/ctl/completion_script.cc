// The scripts hand the words so far to `nuncioctl __complete`, the unfinished one last, and offer
// what comes back.
#include "completion.h"

namespace nuncio::ctl {

namespace {

    constexpr const char* bash
        = R"script(# bash completion for nuncioctl: source <(nuncioctl completion bash)
_nuncioctl() {
    # Split at blanks alone: readline's own words end at the "@" of an address and at "=", too.
    local IFS=$' \t\n' before=${COMP_LINE:0:COMP_POINT} words current
    read -ra words <<< "$before"
    [[ $before == *[[:blank:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    IFS=$'\n'
    COMPREPLY=($("${words[0]/#\~\//$HOME/}" __complete "${words[@]:1}" 2> /dev/null))
    # Of it only $2, what readline takes for the word, is replaced.
    local cut=${current%"$2"}
    if [[ ${COMPREPLY[0]-} == :path ]]; then
        compopt -o filenames 2> /dev/null
        COMPREPLY=($(compgen -f -- "${current#--*=}"))
        [[ $current == --*=* ]] && cut=${cut#--*=}
    fi
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}
complete -F _nuncioctl nuncioctl
)script";

    constexpr const char* zsh = R"script(#compdef nuncioctl
# zsh completion for nuncioctl: save as _nuncioctl in a folder of $fpath
_nuncioctl() {
    local -a candidates
    candidates=(${(f)"$(${~words[1]} __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2> /dev/null)"})
    if [[ $candidates[1] == :path ]]; then
        compset -P '--*='
        _files
    else
        compadd -a candidates
    fi
}
if [ "$funcstack[1]" = "_nuncioctl" ]; then
    _nuncioctl "$@"
else
    compdef _nuncioctl nuncioctl
fi
)script";

    constexpr const char* fish
        = R"script(# fish completion for nuncioctl: nuncioctl completion fish | source
function __nuncioctl_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l candidates ($program __complete $words "$current" 2> /dev/null)
    if test "$candidates[1]" = :path
        set -l option (string match -r -- '^--[^=]*=' "$current")
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current"))
            echo "$option$path"
        end
    else
        string join \n -- $candidates
    end
end
complete -c nuncioctl -f -a '(__nuncioctl_candidates)'
)script";

}

std::string completion_script(const std::string& shell)
{
    return shell == "bash" ? bash : shell == "zsh" ? zsh : shell == "fish" ? fish : "";
}

}
