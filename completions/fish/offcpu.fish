# SPDX-License-Identifier: Apache-2.0
# Made by scripts/generate.sh.
complete -c offcpu -f
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s p -l pid -x -a '(__fish_append , (string replace -rf \'^/proc/(\\d+)$\' \'$1\' /proc/*))' -d 'Only these processes; each must exist'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s u -l uid -x -a '(__fish_complete_users)' -d 'Only processes of this user, by name or number'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s L -l tid -x -a '(__fish_append , (string replace -rf \'^/proc/(\\d+)$\' \'$1\' /proc/*))' -d 'Only these threads; each must exist'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s n -l name -x -d 'Only commands whose name matches this POSIX extended regular expression'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s c -l cgroup -x -a '(__fish_complete_directories)' -d 'Only this cgroup and all below it; absolute, or relative to the cgroup mount'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s m -l min -x -d 'Only what took so long at least, such as 10ms'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s M -l max -x -d 'Only what took so long at most'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l kernel-threads -d 'Look at the kernel\'s own threads too'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l include-self -d 'Keep the waits of offcpu itself'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s d -l duration -x -d 'Stop after 5, 5s, 500ms or 2m [at Ctrl-C]'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l ready-fd -x -d 'Write one byte to this descriptor once everything is attached: for scripts, instead of a sleep'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l totals -d 'Take no stacks: only what waited, why and for how long'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l sample -x -d 'Take a stack each time that a thread has waited for so long, not at each wait'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s U -l user-stacks-only -d 'User stacks only'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s K -l kernel-stacks-only -d 'Kernel stacks only'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l unwind -x -a 'auto fp dwarf copy' -d 'How user stacks are walked: auto (by call frame information, by frame pointers where there is none), fp (frame pointers only), dwarf (call frame information only), copy (stacks are copied and walked in user space) [auto]'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l unwind-memory -x -d 'Kernel memory for call frame information, at most [64M]'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l no-demangle -d 'Show C++ and Rust names as the linker knows them'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l by -x -a '(__fish_append , comm pid tid cgroup)' -d 'What is counted apart'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s s -l sort -x -a 'total count longest' -d 'Column that the rows are sorted by'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s r -l rows -x -d 'Rows shown'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s f -l folded -d 'Collapsed stacks, one a line, for flame graphs; the same as --format folded'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s j -l json -d 'JSON Lines, one object a line; the same as --format json'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l format -x -a 'table folded json' -d 'How the result is written to stdout and to files whose ending says nothing [table]'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s o -l output -r -F -d 'Write to FILE instead of stdout, which is -'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s w -l wide -d 'Truncate nothing'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l width -x -d 'Columns that a row may take [the terminal\'s]'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l color -x -a 'auto always never' -d 'When to use colour [auto]; NO_COLOR is respected'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l max-loss -x -d 'End with status 5 when more records than this percentage are missing'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l btf -r -F -d 'Type information (BTF) of a kernel that carries none'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s v -l verbose -d 'Say what was probed and decided; twice: libbpf\'s own log too'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s q -l quiet -d 'No banner and no hints; errors and losses stay'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -l man -d 'Print the manual page; read it with: man -l -'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s h -l help -d 'Print this help'
complete -c offcpu -n 'not contains -- -- (commandline -opc)' -s V -l version -d 'Print the version; with -v the features of this machine too, for bug reports'

function __offcpu_command
  set -l words (commandline -opc) ''
  set -l mark (contains -i -- -- $words)
  set words $words[(math $mark + 1)..-1]
  set words[-1] (commandline -ct)
  complete -C (string join ' ' -- $words)
end
complete -c offcpu -n 'contains -- -- (commandline -opc)' -x -a '(__offcpu_command)'
