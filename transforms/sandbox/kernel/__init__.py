"""What a renderer gives up by the kernel's own means: files by Landlock, system calls by seccomp."""
