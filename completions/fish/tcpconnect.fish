# SPDX-License-Identifier: Apache-2.0
# Made by scripts/generate.sh.
complete -c tcpconnect -f
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s p -l pid -x -a '(__fish_append , (string replace -rf \'^/proc/(\\d+)$\' \'$1\' /proc/*))' -d 'Only these processes; each must exist'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s u -l uid -x -a '(__fish_complete_users)' -d 'Only processes of this user, by name or number'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s n -l name -x -d 'Only commands whose name matches this POSIX extended regular expression'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s c -l cgroup -x -a '(__fish_complete_directories)' -d 'Only this cgroup and all below it; absolute, or relative to the cgroup mount'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s x -l failed -d 'Only what failed'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s P -l port -x -d 'Only attempts to these remote ports'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s 4 -l ipv4 -d 'Only IPv4'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s 6 -l ipv6 -d 'Only IPv6'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s m -l min -x -d 'Only what took so long at least, such as 10ms'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s M -l max -x -d 'Only what took so long at most'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s d -l duration -x -d 'Stop after 5, 5s, 500ms or 2m [at Ctrl-C]'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l ready-fd -x -d 'Write one byte to this descriptor once everything is attached: for scripts, instead of a sleep'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s i -l interval -x -d 'Print a whole report each interval'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s a -l ancestry -d 'Show the chain of parents, up to init or a container\'s first process'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l dns -d 'Show remote addresses by the names that programs asked for, as far as they are seen; nobody is asked'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s T -l time -d 'Show the time of day of each row or report'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s t -l timestamp -d 'Show the seconds since the start for each row or report'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l utc -d 'With --time, in UTC'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l summary -d 'Totals at the end, or with -i each interval, instead of a row for each event'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l hist -d 'Histograms of how long they took, instead of rows; with --summary for each total'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s s -l sort -x -a 'attempts failed latency retransmits' -d 'Column that the rows are sorted by'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s r -l rows -x -d 'Rows shown'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s f -l folded -d 'Collapsed stacks, one a line, for flame graphs; the same as --format folded'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s j -l json -d 'JSON Lines, one object a line; the same as --format json'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l format -x -a 'table folded json' -d 'How the result is written to stdout and to files whose ending says nothing [table]'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s o -l output -r -F -d 'Write to FILE instead of stdout, which is -'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s w -l wide -d 'Truncate nothing'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l width -x -d 'Columns that a row may take [the terminal\'s]'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l color -x -a 'auto always never' -d 'When to use colour [auto]; NO_COLOR is respected'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l max-loss -x -d 'End with status 5 when more records than this percentage are missing'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l btf -r -F -d 'Type information (BTF) of a kernel that carries none'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s v -l verbose -d 'Say what was probed and decided; twice: libbpf\'s own log too'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s q -l quiet -d 'No banner and no hints; errors and losses stay'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -l man -d 'Print the manual page; read it with: man -l -'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s h -l help -d 'Print this help'
complete -c tcpconnect -n 'not contains -- -- (commandline -opc)' -s V -l version -d 'Print the version; with -v the features of this machine too, for bug reports'

function __tcpconnect_command
  set -l words (commandline -opc) ''
  set -l mark (contains -i -- -- $words)
  set words $words[(math $mark + 1)..-1]
  set words[-1] (commandline -ct)
  complete -C (string join ' ' -- $words)
end
complete -c tcpconnect -n 'contains -- -- (commandline -opc)' -x -a '(__tcpconnect_command)'
