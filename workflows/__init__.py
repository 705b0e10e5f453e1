"""What commands do from end to end, on people's files.

loading  which trained model a command works with
"""
