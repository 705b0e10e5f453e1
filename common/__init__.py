"""What every part of the project uses; it imports none of them.

console        running a command: its errors, exit status, progress bars, tables and parser
entry_points   the installed commands
errors         exceptions for what a user can put right
extras         optional packages, and what installs them
flags          argparse types with limits, and flags that several commands have
json_text      JSON of untrusted files
magenta_flags  Magenta's flags that are accepted, or what replaces them
option_rules   what the options of a config may be
output_files   files that are written completely or not at all
process_pools  work in a pool of processes, in order
signals        Ctrl-C and SIGTERM
wording        numbers of things in sentences
"""
