"""What every part of the project shares; imports nothing else of it.

console        running a command: its errors, exit status, progress bars and tables
entry_points   the installed commands
errors         what a user can do something about, as exceptions
flags          argparse types with limits
json_text      JSON of untrusted files
magenta_flags  flags of Magenta's commands that are taken, or what replaces them
option_rules   what the options of a config may be
output_files   files that appear whole or not at all
pools          work in a pool of processes, in order
stopping       Ctrl-C and SIGTERM
"""
