"""The way in of files: recognised by content, scanned, rewritten by a process apart.

What parses untrusted bytes is ``worker``: a process without secrets, network or files, bounded in
memory, killed when it takes too long. What it answers was written anew by our own libraries.
"""
